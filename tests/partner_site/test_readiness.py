"""What the machines around the site are told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, Notice
from stripe_keys.models import OutgoingMessage
from webhooks.models import EventNotification
from work.models import WorkerHeartbeat


def heartbeat(seconds_ago: float) -> None:
    WorkerHeartbeat.objects.create(
        name="here:1", host="here", pid=1, beat_at=timezone.now() - timedelta(seconds=seconds_ago)
    )


def notice(merchant: Merchant, seconds_ago: float, **fields: Any) -> None:
    due_at = timezone.now() - timedelta(seconds=seconds_ago)
    Notice.objects.create(
        merchant=merchant, lane="x", subject="s", body="b", dedupe_key="d", due_at=due_at, **fields
    )


def test_health_asks_no_database(client: Client) -> None:
    answer = client.get("/healthz")  # without the db mark any query would fail the test

    assert answer.json() == {"up": True}


def test_health_asks_no_database_whose_session_it_is(client: Client, settings: Settings) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "s" * 32

    answer = client.get("/healthz")

    assert answer.json() == {"up": True}


@pytest.mark.django_db
def test_the_site_is_ready_with_a_worker_and_nothing_late(client: Client) -> None:
    heartbeat(seconds_ago=5)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["migrated"] is True
    assert 5 <= answer.json()["worker_heartbeat_age"] < 30
    assert "notices" in answer.json()["oldest_due_age"]


@pytest.mark.django_db
@pytest.mark.parametrize("seconds_ago", [None, 120.0])
def test_without_a_living_worker_the_site_is_not_ready(client: Client, seconds_ago: float | None) -> None:
    if seconds_ago is not None:
        heartbeat(seconds_ago)

    assert client.get("/readyz").status_code == 503


def test_work_that_is_late_makes_the_site_not_ready(client: Client, adas_merchant: Merchant) -> None:
    heartbeat(seconds_ago=1)
    notice(adas_merchant, seconds_ago=300)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["oldest_due_age"]["notices"] >= 300


def test_a_slow_system_of_the_partner_s_does_not_make_the_site_not_ready(client: Client, db: None) -> None:
    heartbeat(seconds_ago=1)
    long_ago = timezone.now() - timedelta(hours=1)
    OutgoingMessage.objects.create(message_id="msg_1", endpoint="slow", lane="slow/0", due_at=long_ago)

    report = client.get("/readyz").json()

    assert report["oldest_due_age"]["outgoing"] > 3000
    assert report["ready"]


def test_work_that_is_not_due_yet_or_done_is_not_late(client: Client, adas_merchant: Merchant) -> None:
    heartbeat(seconds_ago=1)
    notice(adas_merchant, seconds_ago=-300)

    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_events_that_were_put_off_are_told_of_and_leave_the_site_ready(client: Client) -> None:
    heartbeat(seconds_ago=1)
    now = timezone.now()
    for number, due_in in enumerate((timedelta(seconds=20), timedelta(seconds=40), -timedelta(seconds=1))):
        EventNotification.objects.create(
            event_id=f"evt_{number}",
            type="v2.iam.api_key.updated",
            payload="thin",
            lane="acct_1",
            body_sha256=b"x" * 32,
            created_at=now - timedelta(hours=1),
            due_at=now + due_in,
            problem="AppBudgetSpent",
        )

    report = client.get("/readyz").json()

    assert report["ready"]
    assert report["oldest_due_age"]["events"] < 60
    assert 3600 <= report["events_oldest_waiting_age"] < 3700
    assert report["events_put_off"] == 2


@pytest.mark.django_db
def test_a_migration_that_is_missing_makes_the_site_not_ready(client: Client) -> None:
    heartbeat(seconds_ago=1)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name >= '0004'")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["migrated"]) == (503, False)
