"""An account with more events than one search reads is read to its end by the searches that follow."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from tests.people import a_secret_key
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import Reply, ScriptedStripe, saying
from tests.stripe_keys.keys import bind_account
from tests.webhooks.deliveries import an_account_id, an_event_id
from tests.webhooks.searches import UPDATED, cursor_of, here, search
from webhooks.models import AccountCursor
from webhooks.reconciling import events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedStripe]:
    """A Stripe that lists whatever the test says; a search reads two pages of it."""
    monkeypatch.setattr(events, "MOST_PAGES", 2)
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


def list_of(*ids: str) -> Callable[[str], Reply]:
    """Stripe's list of these events, one on a page."""

    def answer(path: str) -> Reply:
        named = re.search(r"page=(\d+)", path)
        number = int(named.group(1)) if named else 0
        created = (timezone.now() - timedelta(hours=1)).isoformat()
        event = {
            "id": ids[number],
            "object": "v2.core.event",
            "type": UPDATED,
            "livemode": False,
            "created": created,
        }
        more = f"/v2/core/events?page={number + 1}" if number + 1 < len(ids) else None
        return saying({"data": [event], "next_page_url": more})

    return answer


def test_next_search_goes_on_where_the_last_one_stopped(scripted: ScriptedStripe, account: str) -> None:
    ids = [an_event_id() for _ in range(5)]
    scripted.answer = list_of(*ids)
    began = timezone.now()

    runs = [search() for _ in range(3)]

    assert here() == set(ids)
    assert len(scripted.asked) == 5
    assert [run.accounts_failed for run in runs] == [1, 1, 0]
    cursor = cursor_of(account)
    assert (cursor.problem, cursor.next_path, cursor.next_pages) == ("", "", 0)
    assert cursor.listed_until is not None
    assert began < cursor.listed_until < runs[1].created_at, "until the list was begun, not until it was read"
    assert account in Notice.objects.get(dedupe_key__startswith="events-unread:").body


def test_page_that_is_refused_meanwhile_begins_the_list_anew(scripted: ScriptedStripe, account: str) -> None:
    scripted.answer = list_of(*[an_event_id() for _ in range(5)])
    search()
    scripted.answer = lambda _: saying({"error": {"message": "x"}}, 400)

    search()

    cursor = cursor_of(account)
    assert (cursor.problem, cursor.next_path) == ("refused_400", "")
    search()
    assert "types" in scripted.asked[-1]


def test_list_without_an_end_is_not_followed_for_ever(
    scripted: ScriptedStripe, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_SEARCHES_OF_A_LIST", 2)
    scripted.answer = list_of(*[an_event_id() for _ in range(9)])

    search(), search()

    assert (cursor_of(account).problem, cursor_of(account).next_path) == ("endless_list", "")


def test_dry_run_keeps_no_place(scripted: ScriptedStripe, account: str) -> None:
    scripted.answer = list_of(*[an_event_id() for _ in range(5)])

    search(dry_run=True)

    assert not AccountCursor.objects.exclude(next_path="").exists()


def test_search_from_earlier_on_begins_anew_and_is_gone_on_with(
    scripted: ScriptedStripe, account: str
) -> None:
    ids = [an_event_id() for _ in range(5)]
    scripted.answer = list_of(*ids)
    search()
    since = timezone.now() - timedelta(days=9)

    for _ in range(3):
        search(since)

    assert len(scripted.asked) == 2 + 5
    assert here() == set(ids)
