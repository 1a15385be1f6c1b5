"""The same id with another content: noted within bounds, told once, never acted on. A list is no delivery."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from tests.people import a_restricted_key, a_signing_secret
from tests.webhooks.deliveries import a_notification, a_snapshot, deliver, deliver_event, encoded, header_for
from webhooks import inbox, oddities, reading, sightings
from webhooks.models import ConflictingDelivery, EventNotification, SigningSecretUse

pytestmark = pytest.mark.django_db


@pytest.fixture
def first() -> dict[str, Any]:
    """An event that is here."""
    event = a_notification()
    deliver_event(event)
    return event


def list_event(event: dict[str, Any]) -> None:
    """Store an event as a search of Stripe's list does."""
    body = encoded(event)
    inbox.store(reading.read(body), body, secret_name="", source=EventNotification.Source.LISTED)


def test_other_content_is_noted_without_its_body_and_changes_nothing(first: dict[str, Any]) -> None:
    other = {**first, "type": "v2.iam.api_key.expired", "context": "acct_1SomebodyElses0"}

    answers = [deliver_event(other).status_code for _ in range(2)]

    assert answers == [200, 200]
    note = ConflictingDelivery.objects.get()
    assert (note.type, note.stripe_account_id, note.secret_name) == (
        other["type"],
        "acct_1SomebodyElses0",
        "events",
    )
    assert (note.size, note.times) == (len(encoded(other)), 2)
    assert note.last_at > note.first_at
    row = EventNotification.objects.get()
    assert (row.type, row.body, row.other_bodies) == (first["type"], encoded(first).decode(), 2)


def test_notes_of_one_event_are_bounded_and_ops_are_told_once(first: dict[str, Any]) -> None:
    for number in range(inbox.MOST_CONFLICTS + 3):
        deliver_event({**first, "reason": number})

    assert ConflictingDelivery.objects.count() == inbox.MOST_CONFLICTS
    assert EventNotification.objects.get().other_bodies == inbox.MOST_CONFLICTS + 3
    notice = Notice.objects.get()
    assert first["id"] in notice.body
    assert notice.merchant is None


def test_count_of_deliveries_to_come_may_differ_between_copies() -> None:
    event = a_snapshot(pending_webhooks=2, note=a_restricted_key())
    deliver_event(event)

    deliver_event({**event, "pending_webhooks": 1})
    del event["pending_webhooks"]
    deliver_event(event)

    assert EventNotification.objects.get().other_bodies == 0
    assert not ConflictingDelivery.objects.exists()
    assert not Notice.objects.filter(dedupe_key__startswith="event-conflict").exists()


@pytest.mark.parametrize("change", [{"livemode": 0}, {"data": {"pending_webhooks": 1}}], ids=str)
def test_whatever_else_differs_beside_it_is_a_conflict(change: dict[str, Any]) -> None:
    event = a_snapshot(pending_webhooks=2)
    deliver_event(event)

    deliver_event({**event, "pending_webhooks": 1, **change})

    assert ConflictingDelivery.objects.count() == 1


def test_one_secret_mails_ops_only_so_often_a_day() -> None:
    first = [a_notification() for _ in range(oddities.MOST_A_DAY + 3)]
    for event in first:
        deliver_event(event)
        deliver_event({**event, "reason": "another"})
    for _ in range(oddities.MOST_A_DAY + 3):
        deliver_event(a_notification(reason=a_restricted_key()))

    told = Notice.objects.order_by("pk")
    for beginning in ("event-conflict:events:", "event-with-key:events:"):
        assert told.filter(dedupe_key__startswith=beginning).count() == oddities.MOST_A_DAY
    assert [notice.subject for notice in told.filter(dedupe_key__startswith="more-")] == [
        "More events came again with another content",
        "More events had something in them that looks like a key",
    ]
    assert ConflictingDelivery.objects.count() == len(first)

    Notice.objects.update(created_at=timezone.now() - timedelta(days=1))
    deliver_event({**first[-1], "reason": "a day later"})

    assert Notice.objects.filter(dedupe_key__contains=first[-1]["id"]).exists()


def test_same_bytes_again_take_two_statements(first: dict[str, Any], django_assert_num_queries: Any) -> None:
    body = encoded(first)

    with django_assert_num_queries(2):
        assert deliver(body).status_code == 200
    assert not Notice.objects.exists()


def test_listed_event_is_known_by_its_delivery_afterwards() -> None:
    delivered = a_notification()
    list_event({**delivered, "data": {"api_key": "mk_1"}, "context": delivered["context"]})

    assert deliver_event(delivered).status_code == 200
    assert deliver_event(delivered).status_code == 200

    row = EventNotification.objects.get()
    assert (row.source, row.secret_name, row.body) == ("listed", "events", encoded(delivered).decode())
    assert row.other_bodies == 0
    assert not ConflictingDelivery.objects.exists()
    deliver_event({**delivered, "reason": "another"})
    assert ConflictingDelivery.objects.count() == 1


def test_listed_event_need_not_say_whose_it_is() -> None:
    delivered = a_notification()
    list_event({**delivered, "context": None, "livemode": None})

    deliver_event(delivered)

    assert not ConflictingDelivery.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"type": "v2.iam.api_key.expired"}, {"context": "acct_1SomebodyElses0"}, {"livemode": True}],
    ids=str,
)
def test_delivery_that_contradicts_the_list_is_a_conflict(change: dict[str, Any]) -> None:
    listed = a_notification()
    list_event(listed)

    deliver_event({**listed, **change})

    assert ConflictingDelivery.objects.count() == 1
    assert EventNotification.objects.get().secret_name == ""


def test_what_is_listed_after_its_delivery_is_not_compared(
    first: dict[str, Any], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        list_event({**first, "data": {}})

    row = EventNotification.objects.get()
    assert (row.source, row.other_bodies) == ("delivered", 0)


def test_secret_of_a_delivery_without_a_row_of_its_own_is_seen_once_a_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "_noted", {})
    secret, body = a_signing_secret(), encoded(a_snapshot())
    settings.STRIPE_WEBHOOK_SECRETS = [*settings.STRIPE_WEBHOOK_SECRETS, f"other:{secret}"]
    deliver(body)

    for _ in range(2):
        deliver(body, header=header_for(body, secret=secret))

    use = SigningSecretUse.objects.get()
    assert (use.name, use.first_seen_at) == ("other", use.last_seen_at)


def test_ops_see_a_conflict_and_the_way_to_its_event(olgas_browser: Client, first: dict[str, Any]) -> None:
    deliver_event({**first, "reason": "<b>unheard"})
    note = ConflictingDelivery.objects.get()

    listed = olgas_browser.get(reverse("admin:webhooks_conflictingdelivery_changelist")).content.decode()
    page = olgas_browser.get(
        reverse("admin:webhooks_conflictingdelivery_change", args=[note.pk])
    ).content.decode()

    assert first["id"] in listed
    assert reverse("admin:webhooks_eventnotification_change", args=[note.event_id]) in page
    assert bytes(note.body_sha256).hex() in page
    assert "unheard" not in page
    assert 'name="_save"' not in page
