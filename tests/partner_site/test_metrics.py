"""What a metrics collector reads, and that nobody else does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys.models import AccountPace, LedgerEntry, RestrictedKey, StripeIncident
from tests import people
from tests.people import a_restricted_key
from tests.stripe_keys.audit.damage import a_kept_key, audited, damage
from webhooks import secrets_in_use
from webhooks.models import (
    ConflictingDelivery,
    EventNotification,
    EventReplay,
    Reconciliation,
    SigningSecretUse,
)

TOKEN = people.some_letters(40)


@pytest.fixture(autouse=True)
def token_is_set(settings: Settings) -> None:
    """The page is there."""
    settings.METRICS_TOKEN = TOKEN


def scrape(client: Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample, by its name and its labels' values in the alphabetical order of the labels."""
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = (
                sample.value
            )
    return found


def ask(client: Client, **headers: str) -> Any:
    return client.get("/metrics", headers=headers)


@pytest.mark.django_db
def test_an_empty_site_has_metrics_too(client: Client) -> None:
    told = scrape(client)

    assert told["restricted_keys_quarantined"] == {(): 0}
    assert told["due_rows_waiting"][("notices",)] == 0
    assert "vault_rows" not in told, "no audit has finished"


def test_the_last_finished_audit_is_told(client: Client, ada: User) -> None:
    a_kept_key(ada, purpose="sound")
    damage(a_kept_key(ada))
    audited()

    told = scrape(client)

    assert told["vault_rows"][("ok", "restricted_key")] == 1
    assert told["vault_rows"][("unreadable", "restricted_key")] == 1
    assert 0 <= told["vault_audit_age_seconds"][()] < 60
    assert told["vault_audit_finished_timestamp_seconds"][()] == pytest.approx(
        timezone.now().timestamp(), abs=60
    )
    assert told["restricted_keys_quarantined"] == {(): 1}


def test_keys_and_data_keys_are_counted(client: Client, ada: User, olga: User) -> None:
    a_kept_key(ada)
    key = a_kept_key(ada, purpose="other", text=a_restricted_key(livemode=True))
    RestrictedKey.objects.filter(pk=key.pk).update(status="active", stripe_account_id="acct_1")

    told = scrape(client)

    assert told["restricted_keys"] == {("test", "pending"): 1, ("live", "active"): 1}
    assert list(told["vault_data_keys"].values()) == [1, 1]
    assert {owner for _, owner in told["vault_data_keys"]} == {"merchant", "site"}


def test_what_waits_and_what_is_dead_is_counted_by_queue(client: Client, ada: User) -> None:
    now = timezone.now()
    for number, (state, due_at) in enumerate(
        [("waiting", now - timedelta(seconds=90)), ("waiting", now + timedelta(hours=1)), ("dead", now)]
    ):
        Notice.objects.create(
            lane="x", subject="s", body="b", dedupe_key=str(number), state=state, due_at=due_at
        )
    LedgerEntry.objects.create(lane="ledger", kind="key_erased")
    LedgerEntry.objects.create(lane="ledger", kind="key_erased", state="done")

    told = scrape(client)

    assert told["due_rows_waiting"][("notices",)] == 1
    assert 90 <= told["due_rows_oldest_age_seconds"][("notices",)] < 120
    assert told["due_rows_dead"][("notices",)] == 1
    assert told["ledger_entries_waiting"] == {(): 1}


def test_trouble_at_stripe_is_told(client: Client, ada: User, eve: User) -> None:
    now = timezone.now()
    StripeIncident.objects.create(kind="outage", evidence="6 of 7", ended_at=now)
    StripeIncident.objects.create(kind="refusals", evidence="3 of 40")
    AccountPace.objects.create(
        merchant=people.merchant_of(ada), livemode=False, closed_until=now + timedelta(minutes=5)
    )
    AccountPace.objects.create(
        merchant=people.merchant_of(eve),
        livemode=False,
        closed_until=now - timedelta(minutes=5),
        slow_until=now + timedelta(minutes=5),
    )
    key = a_kept_key(ada)
    RestrictedKey.objects.filter(pk=key.pk).update(
        next_check_at=now - timedelta(seconds=90), first_refused_at=now
    )

    told = scrape(client)

    assert told["stripe_incident_open"] == {("outage",): 0, ("refusals",): 1}
    assert (told["stripe_breakers_open"], told["stripe_slow_accounts"]) == ({(): 1}, {(): 1})
    assert told["restricted_keys_refused"] == {(): 1}
    assert 90 <= told["checks_most_overdue_seconds"][()] < 120


@pytest.mark.django_db
def test_signing_secrets_are_told_by_name_with_when_they_were_seen(
    client: Client, settings: Settings
) -> None:
    names = ("live", "live.previous")
    settings.STRIPE_WEBHOOK_SECRETS = [f"{name}:{people.a_signing_secret()}" for name in names]
    secrets_in_use.look()
    SigningSecretUse.objects.filter(name="live").update(last_seen_at=timezone.now())

    told = scrape(client)

    seen = told["webhook_secret_last_seen_timestamp_seconds"]
    assert seen["current", "live"] == pytest.approx(timezone.now().timestamp(), abs=60)
    assert seen["previous", "live.previous"] == 0
    assert told["webhook_secret_may_go"] == {("live.previous",): 0}


def test_the_last_whole_search_for_lost_deliveries_is_told(client: Client, db: None) -> None:
    then = timezone.now() - timedelta(minutes=7)
    for missed, progress in ((4, {"is_whole": True}), (9, {"is_whole": False})):
        Reconciliation.objects.create(
            lane="reconciliation",
            state="done",
            finished_at=then,
            events_missed=missed,
            accounts_failed=2,
            progress=progress,
        )

    told = scrape(client)

    assert 420 <= told["reconciliation_age_seconds"][()] < 450
    assert told["reconciliation_missed_events"] == {(): 4}
    assert told["reconciliation_failed_accounts"] == {(): 2}


def test_what_only_the_merchant_can_go_on_with_is_not_overdue(client: Client, ada: User) -> None:
    key = a_kept_key(ada)
    long_ago = timezone.now() - timedelta(days=1)
    RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=long_ago, awaits_account_confirmation=True)

    assert scrape(client)["checks_most_overdue_seconds"] == {(): 0}


def test_no_metric_names_a_merchant_a_key_or_a_person(client: Client, ada: User) -> None:
    key = a_kept_key(ada, text=f"{a_restricted_key()}ZqXj")  # four letters that no number is made of
    damage(key)
    audited()

    text = ask(client, authorization=f"Bearer {TOKEN}").content.decode()

    merchant = people.merchant_of(ada)
    for name in (merchant.name, str(merchant.pk), str(key.pk), key.last4, ada.email, TOKEN):
        assert name not in text


WRONG = {
    "nothing": {},
    "another token": {"authorization": f"Bearer {TOKEN[:-1]}"},
    "more than the token": {"authorization": f"Bearer {TOKEN}x"},
    "no scheme": {"authorization": TOKEN},
    "another scheme": {"authorization": f"Basic {TOKEN}"},
    "no token": {"authorization": "Bearer "},
    "other letters": {"authorization": "Bearer é€\x7f\x00"},
    "half a letter": {"authorization": "Bearer \udcff\ud800"},
    "a megabyte": {"authorization": "Bearer " + "a" * 1_000_000},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_without_the_token_there_is_no_such_page(client: Client, headers: dict[str, str]) -> None:
    unknown = client.get("/no-such-page", headers=headers)

    answer = ask(client, **headers)

    assert answer.status_code == unknown.status_code == 404
    assert answer.content == unknown.content
    assert dict(answer.headers) == dict(unknown.headers)


@pytest.mark.parametrize("header", ["Bearer ", "Bearer", "", "bearer  "])
def test_without_the_setting_there_is_no_such_page(client: Client, settings: Settings, header: str) -> None:
    settings.METRICS_TOKEN = ""

    assert ask(client, authorization=header).status_code == 404


def test_strangers_cause_no_query(client: Client, settings: Settings) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "s" * 32

    assert ask(client).status_code == 404  # without the db mark any query would fail the test


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options", "patch"])
def test_it_is_only_read(client: Client, method: str) -> None:
    answer = getattr(client, method)("/metrics", headers={"authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 405


@pytest.mark.django_db
def test_no_session_is_begun_and_nothing_is_cached(client: Client) -> None:
    answer = ask(client, authorization=f"Bearer {TOKEN}")

    assert not answer.cookies
    assert answer.headers["Cache-Control"] == "no-store, private"


@pytest.mark.django_db
def test_a_site_that_is_not_migrated_answers_503(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE stripe_keys_vaultaudit RENAME TO gone")

    assert ask(client, authorization=f"Bearer {TOKEN}").status_code == 503


def test_events_are_counted_by_what_became_of_them(client: Client, db: None) -> None:
    def an_event(number: int, **fields: Any) -> None:
        named = {"event_id": f"evt_test_{number}", "type": "x.y", "payload": "thin", "lane": f"{number}"}
        EventNotification.objects.create(**named, body_sha256=b"x" * 32, **fields)

    long_ago = timezone.now() - timedelta(hours=2)
    an_event(1, state="done", outcome="parked")
    an_event(2, state="dead", finished_at=timezone.now())
    an_event(3, state="waiting", problem="WorkerLost")
    an_event(4, state="done", outcome="applied", created_at=long_ago - timedelta(hours=5))
    an_event(5, state="waiting", due_at=long_ago, created_at=long_ago)
    an_event(6, state="waiting", due_at=timezone.now() + timedelta(hours=1), created_at=long_ago)
    event = EventNotification.objects.earliest("pk")
    ConflictingDelivery.objects.create(event=event, body_sha256=b"y" * 32, size=1, secret_name="events")
    EventReplay.objects.create(by="ops", events=3)

    told = scrape(client)

    arrived = {became: count for (became,), count in told["events_arrived_last_hour"].items() if count}
    assert arrived == {"parked": 1, "dead": 1, "open": 1}
    assert told["events_arrived_last_hour"][("applied",)] == 0
    for name in ("parked", "set_aside", "put_off", "conflicting_last_day", "replays_last_day"):
        assert told[f"events_{name}"] == {(): 1}, name
    assert told["due_rows_dead"][("events",)] == 1
    assert told["events_oldest_waiting_age_seconds"][()] == pytest.approx(7200, abs=60)
    assert told["due_rows_oldest_age_seconds"][("events",)] == pytest.approx(7200, abs=60)
