"""What a list of Stripe's may not do to us: lead elsewhere, never end, slip in what nobody asked for."""

import json
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys.gateway import listings
from tests.people import a_restricted_key, a_secret_key
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import ScriptedStripe, saying
from tests.stripe_keys.keys import bind_account
from tests.webhooks.deliveries import an_account_id, an_event_id
from tests.webhooks.searches import UPDATED, cursor_of, search
from webhooks.models import EventNotification
from webhooks.reconciling import events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(settings: Settings) -> Iterator[ScriptedStripe]:
    """A Stripe that lists whatever the test says."""
    with scripted_stripe.running() as stripe:
        settings.STRIPE_API_BASE = stripe.base_url
        settings.STRIPE_PLATFORM_KEY_TEST = a_secret_key()
        settings.STRIPE_PLATFORM_KEY_LIVE = settings.STRIPE_APP_OBJECT_ID = ""
        settings.RECONCILE_REQUESTS_PER_SECOND = settings.STRIPE_RATE_TEST = settings.STRIPE_RATE_LIVE = 1e6
        yield stripe


@pytest.fixture
def account(ada: User) -> str:
    """An account of Ada's."""
    account = an_account_id()
    bind_account(ada, account)
    return account


def listed(account: str, **changes: object) -> dict[str, object]:
    """An event as Stripe lists it."""
    event = {
        "id": an_event_id(),
        "object": "v2.core.event",
        "type": UPDATED,
        "livemode": False,
        "created": timezone.now().isoformat(),
        "context": account,
    }
    return {**event, **changes}


def page(*rows: object, following: object = None) -> scripted_stripe.Reply:
    return saying({"data": list(rows), "next_page_url": following, "previous_page_url": None})


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v2/core/events?page=2",
        "//evil.example/v2/core/events?page=2",
        "http://127.0.0.1:1/v2/core/events?page=2",
        "/v2/core/events/../../v1/charges?page=2",
        "/v1/charges?page=2",
        "/v2/core/events?page=2#x",
        "/v2/core/events?page=2\r\nHost: evil.example",
        "http://[",
        "@evil.example/v2/core/events?page=2",
        ["/v2/core/events?page=2"],
        "/v2/core/events?page=" + "2" * 5000,
    ],
    ids=lambda address: ascii(address)[:60],
)
def test_page_at_another_address_is_not_asked_for(
    scripted: ScriptedStripe, account: str, address: object
) -> None:
    scripted.answer = lambda _: page(following=address)

    run = search()

    assert (run.state, run.accounts_failed) == ("done", 1)
    assert cursor_of(account).problem == listings.ODD_ADDRESS
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "path"])
def test_page_at_our_own_stripe_is_asked_for(scripted: ScriptedStripe, account: str, is_whole: bool) -> None:
    first, second = listed(account), listed(account)
    following = f"{scripted.base_url if is_whole else ''}/v2/core/events?page=2"
    scripted.answer = lambda path: page(second) if "page=2" in path else page(first, following=following)

    search()

    assert set(EventNotification.objects.values_list("event_id", flat=True)) == {first["id"], second["id"]}


def test_first_page_asks_for_our_types_since_an_hour_before_the_cursor_within_thirty_days(
    scripted: ScriptedStripe, account: str
) -> None:
    scripted.answer = lambda _: page()

    search()

    asked = parse_qs(urlsplit(scripted.asked[0]).query)
    assert {asked[f"types[{number}]"][0] for number in range(6)} == set(events.TYPES)
    assert asked["limit"] == ["100"]
    since = timezone.now() - datetime.fromisoformat(asked["created[gte]"][0])
    assert 29.9 < since.total_seconds() / 86400 < 30


@pytest.mark.parametrize(
    "change",
    [
        {"created": "2026-11-21T10:00:00+23:59"},
        {"created": "9999-12-31T23:59:59-23:59"},
        {"created": 1e300},
        {"reason": "\x00\ud800"},
        {"\x00\udfff": {"\ud800": "\x00"}},
        {"reason": 10**4000},
        {"context": "\x00\ud800"},
        {"id": "evt_\x00"},
        {"type": "\ud800"},
    ],
    ids=lambda change: ascii(change)[:40],
)
def test_odd_event_in_a_list_does_not_hold_up_the_search(
    scripted: ScriptedStripe, account: str, change: dict[str, object]
) -> None:
    after = listed(account)
    scripted.answer = lambda _: page(listed(account, **change), after)

    run = search()

    assert (run.state, run.accounts_failed) == ("done", 0)
    assert after["id"] in set(EventNotification.objects.values_list("event_id", flat=True))


def test_endless_list_is_left(
    scripted: ScriptedStripe, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_PAGES", 4)
    scripted.answer = lambda _: page(listed(account), following=f"/v2/core/events?page={len(scripted.asked)}")

    search()

    assert cursor_of(account).problem == "too_many_pages"
    assert len(scripted.asked) == EventNotification.objects.count() == 4


def test_list_that_leads_to_itself_is_left(scripted: ScriptedStripe, account: str) -> None:
    scripted.answer = lambda _: page(following="/v2/core/events?page=2")

    search()

    assert cursor_of(account).problem == "endless_list"
    assert len(scripted.asked) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "v2.core.event_destination.ping"},
        {"type": "v2.iam.api_key.invented"},
        {"object": "event"},
        {"livemode": True},
        {"livemode": None},
        {"livemode": "false"},
        {"context": "acct_1SomebodyElses0"},
        {"context": "../../etc"},
        {"id": "evt_../1"},
        {"id": ["evt_1"]},
        {"id": "evt_" + "x" * 300},
    ],
    ids=ascii,
)
def test_what_nobody_asked_for_is_passed_over(
    scripted: ScriptedStripe, account: str, changes: dict[str, object]
) -> None:
    good = listed(account)
    scripted.answer = lambda _: page(listed(account, **changes), "text", None, good)

    run = search()

    assert (run.accounts_done, run.events_listed) == (1, 1)
    assert EventNotification.objects.get().event_id == good["id"]


def test_event_that_does_not_say_whose_it_is_is_of_the_account_that_was_asked_about(
    scripted: ScriptedStripe, account: str
) -> None:
    scripted.answer = lambda _: page(listed(account, context=None))

    search()

    assert EventNotification.objects.get().stripe_account_id == account


def test_key_in_a_list_reaches_neither_a_row_nor_a_log(
    scripted: ScriptedStripe, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = a_restricted_key()
    scripted.answer = lambda _: page(
        listed(
            account, secret_key={"token": token}, reason={"request": {"id": token}}, changes={"after": token}
        ),
        listed(account, related_object={"id": token, "type": "v2.iam.api_key"}),
        listed(account, id=f"evt_{token}"),
        listed(account, created=token),
    )

    search()

    told = caplog.text + json.dumps(
        list(EventNotification.objects.values("event_id", "body", "type", "context"))
    )
    assert EventNotification.objects.count() == 1
    assert token not in told
    assert token[8:] not in told


@pytest.mark.parametrize("body", [b"", b"[]", b"nothing", b'{"data": {}}', b"[" * 100_000], ids=len)
def test_rubbish_is_no_answer(scripted: ScriptedStripe, account: str, body: bytes) -> None:
    scripted.answer = lambda _: scripted_stripe.Reply(200, body)

    run = search()

    assert (run.state, run.problem) == ("waiting", "StripeUnavailable")


def test_one_list_of_all_accounts_is_asked_for_without_a_context(
    scripted: ScriptedStripe, account: str, settings: Settings
) -> None:
    settings.STRIPE_EVENTS_LISTED = "platform"
    scripted.answer = lambda _: page(
        listed(account), listed("acct_1SomebodyElses0"), listed(account, context=None)
    )

    run = search()

    assert (run.accounts_total, run.accounts_done, len(scripted.asked)) == (1, 1, 1)
    assert set(EventNotification.objects.values_list("stripe_account_id", flat=True)) == {
        account,
        "acct_1SomebodyElses0",
    }


def test_neither_mode_is_asked_with_the_others_key(scripted: ScriptedStripe, ada: User) -> None:
    bind_account(ada, an_account_id(), livemode=True)

    run = search()

    assert (run.state, run.accounts_total, scripted.asked) == ("done", 0, [])
