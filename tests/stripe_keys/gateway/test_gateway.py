"""What each answer of Stripe's means, asked over real HTTP."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from pytest_django import Settings

from stripe_keys import catalogue, gateway, permissions
from stripe_keys.catalogue import Probe
from stripe_keys.gateway import StripeRefused, app_answers, app_questions
from stripe_keys.gateway.answers import Answer, Finding
from stripe_keys.gateway.app_answers import FetchedEvent, KeyFacts
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
from tests.stripe_keys.gateway.raw_server import RawServer
from tests.stripe_keys.keys import AtStripe, StripeKey


@pytest.fixture
def key(at_stripe: AtStripe) -> StripeKey:
    """A key with every permission of the manifest."""
    return at_stripe.key()


def asked(key: StripeKey, probes: Iterable[Probe]) -> dict[str, Finding]:
    """What Stripe answers to all of the probes, by permission."""
    return {probe.permission: finding for probe, finding in gateway.ask(Secret(key.token), probes)}


def whose(token: str) -> Finding:
    """What Stripe answers to the question whose key it is."""
    [(_, finding)] = gateway.ask(Secret(token), [catalogue.WHOSE])
    return finding


def test_allowed_key_names_its_account(key: StripeKey) -> None:
    finding = whose(key.token)

    assert (finding.answer, finding.stripe_account_id) == (Answer.GRANTED, key.account)


@pytest.mark.parametrize(("wording", "names_key"), [("2026", True), ("2021", False)])
def test_refused_permission_still_names_the_account(
    at_stripe: AtStripe, wording: str, names_key: bool
) -> None:
    key = at_stripe.key(permissions=["charge_read"])
    at_stripe.admin.switch(error_wording=wording)

    finding = whose(key.token)

    assert finding.answer is (Answer.MISSING_PERMISSION if names_key else Answer.UNCLEAR)
    assert finding.stripe_account_id == key.account
    assert finding.stripe_key_id == (key.id if names_key else "")


def test_vague_refusal_names_nobody(at_stripe: AtStripe) -> None:
    key = at_stripe.key(permissions=["charge_read"])
    at_stripe.admin.switch(error_wording="vague")

    assert whose(key.token) == Finding(Answer.UNCLEAR)


def test_unknown_key_is_refused(at_stripe: AtStripe) -> None:
    assert whose(a_restricted_key()).answer is Answer.REFUSED


def test_expired_key_is_expired(at_stripe: AtStripe, key: StripeKey) -> None:
    at_stripe.admin.expire_key(key.id, lag=0)

    assert whose(key.token).answer is Answer.EXPIRED


def test_allowlist_is_not_a_dead_key(at_stripe: AtStripe) -> None:
    key = at_stripe.key(ip_allowlist=["203.0.113.9"])

    assert whose(key.token).answer is Answer.ADDRESS_REFUSED


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("rate_limit", {}),
        ("rate_limit", {"reason": "global-rate"}),
        ("lock_timeout", {}),
        ("conflict", {}),
        ("error", {"status": 500}),
        ("error", {"status": 503, "should_retry": True}),
        ("reset", {"times": 2}),  # one may be a kept connection that ends, and is made good
        ("truncated", {}),
        ("invalid_json", {}),
        ("html", {"status": 200}),
        ("html", {"status": 404}),
        ("html", {"status": 401}),
        ("html", {"status": 403}),
        ("redirect", {}),
        ("hang", {}),
    ],
)
def test_trouble_at_stripe_says_nothing_about_the_key(
    at_stripe: AtStripe, key: StripeKey, brief_patience: None, kind: str, rule: dict[str, object]
) -> None:
    at_stripe.admin.add_fault(kind, key=key.id, **rule)

    finding = whose(key.token)

    assert finding.answer is Answer.UNKNOWN
    assert finding.stripe_account_id == ""


def test_all_probes_pass_with_the_manifests_permissions(key: StripeKey) -> None:
    probes = [catalogue.PROBES[one.permission] for one in permissions.required()]

    findings = asked(key, probes)

    assert {finding.answer for finding in findings.values()} == {Answer.GRANTED}
    assert set(findings) == {probe.permission for probe in probes}


def test_each_missing_permission_is_found(at_stripe: AtStripe) -> None:
    wanted = [one.permission for one in permissions.required()]
    key = at_stripe.key(permissions=[name for name in wanted if name not in ("payout_read", "plan_read")])

    findings = asked(key, [catalogue.PROBES[name] for name in wanted])

    missing = {name for name, finding in findings.items() if finding.answer is Answer.MISSING_PERMISSION}
    assert missing == {"payout_read", "plan_read"}


def test_fetched_events_name_the_keys(at_stripe: AtStripe, key: StripeKey) -> None:
    new = at_stripe.admin.rotate_key(key.id, overlap=3600)
    made, rotated = (
        at_stripe.admin.events(account=key.account, kind=f"v2.iam.api_key.{kind}")[0]["id"]
        for kind in ("created", "rotated")
    )

    fetched = app_questions.fetch_events([(rotated, key.account), (made, key.account)], livemode=False)

    assert fetched == [
        FetchedEvent(rotated, "v2.iam.api_key.rotated", key.id, new["id"]),
        FetchedEvent(made, "v2.iam.api_key.created", key.id, ""),
    ]


def test_key_facts_say_when_a_rotated_key_ends(
    at_stripe: AtStripe, app_may_read_keys: None, key: StripeKey
) -> None:
    at_stripe.admin.rotate_key(key.id, overlap=3600)

    (facts,) = app_questions.fetch_facts_of_keys([(key.id, key.account)], livemode=False)

    assert isinstance(facts, KeyFacts)
    assert facts.expires_at is not None
    assert timedelta(minutes=55) < facts.expires_at - datetime.now(UTC) < timedelta(minutes=65)


@pytest.mark.parametrize(
    "ask",
    [
        lambda key: app_questions.fetch_events([("evt_unknown", key.account)], livemode=False),
        lambda key: app_questions.fetch_facts_of_keys([("mk_unknown", key.account)], livemode=False),
        lambda key: app_questions.fetch_facts_of_keys([(key.id, "acct_1Somebody0Else0")], livemode=False),
        lambda key: app_questions.fetch_events([("evt_unknown", key.account)], livemode=True),
    ],
    ids=["unknown event", "unknown key", "another account", "another mode"],
)
def test_what_stripe_will_not_tell_us_is_refused(
    key: StripeKey, ask: Callable[[StripeKey], list[object]]
) -> None:
    (answer,) = ask(key)

    assert isinstance(answer, StripeRefused)
    assert "sk_" not in repr(answer)


@pytest.mark.parametrize(
    ("kind", "rule", "expected"),
    [
        ("error", {"status": 500}, gateway.StripeUnavailable),
        ("rate_limit", {}, gateway.StripeThrottled),
        ("html", {}, gateway.StripeUnavailable),
        ("html", {"status": 404}, gateway.StripeUnavailable),
        ("redirect", {}, gateway.StripeUnavailable),
        ("truncated", {}, gateway.StripeUnavailable),
        ("reset", {"times": None}, gateway.StripeUnavailable),
    ],
    ids=["500", "429", "a page", "a page with 404", "redirect", "truncated", "reset"],
)
def test_trouble_is_told_from_a_refusal_for_each_question_alone(
    at_stripe: AtStripe, key: StripeKey, kind: str, rule: dict[str, object], expected: type[Exception]
) -> None:
    event = at_stripe.admin.events(account=key.account, kind="v2.iam.api_key.created")[0]["id"]
    at_stripe.admin.add_fault(kind, path="/v2/core/events/evt_unknown", **rule)

    harmed, whole = app_questions.fetch_events(
        [("evt_unknown", key.account), (event, key.account)], livemode=False
    )

    assert type(harmed) is expected
    assert isinstance(whole, FetchedEvent)


def test_answer_about_another_event_is_no_answer() -> None:
    body = {"id": "evt_2", "type": "v2.iam.api_key.expired", "data": {"api_key": "mk_1"}}

    assert isinstance(app_answers.event_in(body, "evt_1"), gateway.StripeUnavailable)
    assert isinstance(
        app_answers.facts_in({"id": "mk_2", "status": "active"}, "mk_1"), gateway.StripeUnavailable
    )


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        (1e30, None),
        (float("nan"), None),
        (-1e18, None),
        (10**400, None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        (True, None),
        ("2026-11-21T08:00:00+02:00", datetime(2026, 11, 21, 6, tzinfo=UTC)),
        (1795248000, datetime(2026, 11, 21, 8, tzinfo=UTC)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_end_of_a_key_is_a_moment_of_this_century_or_none(told: object, understood: datetime | None) -> None:
    facts = app_answers.facts_in({"id": "mk_1", "status": "active", "expires_at": told}, "mk_1")

    assert isinstance(facts, app_answers.KeyFacts)
    assert facts.expires_at == understood


def test_install_list_tells_installed_from_gone(
    at_stripe: AtStripe, key: StripeKey, app_known_by_id: None
) -> None:
    assert app_questions.is_installed(key.account, livemode=False)
    assert not app_questions.is_installed(at_stripe.admin.create_account(), livemode=False)


def test_the_sdks_client_does_not_read_the_body_of_a_redirect(settings: Settings) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 2.0
    with RawServer() as server:
        server.answers(
            "/v1/account", b"HTTP/1.1 302 Found\r\nLocation: /v1/x\r\nContent-Length: 9000\r\n\r\nX"
        )
        settings.STRIPE_API_BASE = server.address
        gateway.forget_connections()
        client = gateway.client_for(Secret(a_restricted_key()))

        with pytest.raises(stripe.APIConnectionError) as refusal:
            client.v1.accounts.retrieve_current()

    assert "TooManyRedirects" in str(refusal.value)
    assert len(server.heads) == 1
