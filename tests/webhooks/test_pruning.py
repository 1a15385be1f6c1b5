"""Bodies are forgotten after a month, facts after more than a year, in batches that go on where the last run ended."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.webhooks.deliveries import a_notification, a_snapshot, deliver_event
from webhooks import pruning, replays
from webhooks.models import ConflictingDelivery, EventNotification, EventReplay

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    """The moment of the run."""
    return timezone.now()


def an_event(
    *, age: timedelta, state: str = "done", outcome: str = "applied", snapshot: bool = False
) -> EventNotification:
    """An event that came so long ago."""
    told = a_snapshot() if snapshot else a_notification()
    deliver_event(told)
    rows = EventNotification.objects.filter(event_id=told["id"])
    rows.update(created_at=timezone.now() - age, state=state, outcome=outcome if state == "done" else "")
    return rows.get()


def test_bodies_of_ended_events_are_forgotten_after_a_month(now: datetime) -> None:
    young, old = an_event(age=29 * DAY), an_event(age=31 * DAY)
    dead, open_ = an_event(age=31 * DAY, state="dead"), an_event(age=31 * DAY, state="waiting")

    told = pruning.prune(now=now)

    assert told == pruning.Pruned(bodies=2)
    for event in (young, open_):
        event.refresh_from_db()
        assert (event.body != "", event.body_forgotten_at) == (True, None)
    for event in (old, dead):
        event.refresh_from_db()
        assert event.body == ""
        assert event.body_forgotten_at is not None
        assert len(bytes(event.body_sha256)) == 32


def test_facts_go_after_400_days_with_what_was_noted_about_them(now: datetime) -> None:
    kept, old = an_event(age=399 * DAY), an_event(age=401 * DAY)
    for event in (kept, old):
        ConflictingDelivery.objects.create(event=event, body_sha256=b"x" * 32, size=1, secret_name="events")
        EventReplay.objects.create(by="ops", at=event.created_at)
    waiting = an_event(age=401 * DAY, state="waiting")

    told = pruning.prune(now=now)

    assert (told.events, told.replays) == (1, 1)
    assert set(EventNotification.objects.all()) == {kept, waiting}
    assert ConflictingDelivery.objects.get().event == kept
    assert EventReplay.objects.count() == 1


def test_event_parked_for_a_month_is_nothing_of_ours(now: datetime) -> None:
    young, old = an_event(age=29 * DAY, outcome="parked"), an_event(age=31 * DAY, outcome="parked")

    pruning.prune(now=now)

    young.refresh_from_db()
    old.refresh_from_db()
    assert (young.outcome, old.outcome) == ("parked", "unmatched")


def test_a_bounded_run_goes_on_where_the_last_one_ended(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    events = [an_event(age=40 * DAY - number * timedelta(minutes=1)) for number in range(5)]

    first = pruning.prune(now=now, batches=1)
    forgotten = EventNotification.objects.exclude(body_forgotten_at=None).order_by("created_at")
    assert list(forgotten) == events[:2]
    rest = pruning.prune(now=now)

    assert (first.bodies, rest.bodies) == (2, 3)
    assert forgotten.all().count() == 5


def test_what_is_done_long_ago_is_not_looked_at_again(now: datetime) -> None:
    done_long_ago, newest = an_event(age=90 * DAY), an_event(age=50 * DAY)
    EventNotification.objects.filter(pk=newest.pk).update(body="", body_forgotten_at=now)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        pruning.prune(now=now)

    done_long_ago.refresh_from_db()
    assert done_long_ago.body_forgotten_at is None, "nothing so far behind the newest is looked for"
    assert sum('"body_forgotten_at" IS NULL' in each["sql"] for each in asked) == 1


def test_ages_are_settings(now: datetime, settings: Settings) -> None:
    settings.EVENT_BODIES_KEPT_DAYS, settings.EVENT_FACTS_KEPT_DAYS = 7, 45
    an_event(age=8 * DAY)
    an_event(age=46 * DAY)

    assert pruning.prune(now=now) == pruning.Pruned(bodies=1, events=1)


def test_facts_that_go_before_bodies_are_complained_about(settings: Settings) -> None:
    assert pruning.check_ages() == []
    settings.EVENT_BODIES_KEPT_DAYS, settings.EVENT_FACTS_KEPT_DAYS = 60, 59

    assert [problem.id for problem in pruning.check_ages()] == ["webhooks.E004"]


def test_command_counts_first_and_then_prunes() -> None:
    an_event(age=31 * DAY)
    an_event(age=401 * DAY)
    an_event(age=31 * DAY, outcome="parked")
    said = StringIO()

    call_command("prune_events", dry_run=True, stdout=said)
    assert EventNotification.objects.filter(body_forgotten_at=None).count() == 3
    call_command("prune_events", stdout=said)

    assert said.getvalue().splitlines() == [
        "would prune: bodies=2 events=1 no_longer_parked=1 replays=0",
        "pruned: bodies=2 events=1 no_longer_parked=1 replays=0",
    ]


def test_ops_read_that_a_body_is_forgotten_and_process_again_only_what_stripe_still_tells(
    olgas_browser: Client, now: datetime
) -> None:
    thin, snapshot = an_event(age=31 * DAY), an_event(age=31 * DAY, snapshot=True)
    pruning.prune(now=now)

    page = olgas_browser.get(reverse("admin:webhooks_eventnotification_change", args=[snapshot.pk]))

    assert "Forgotten on" in page.content.decode()
    assert list(replays.replayable(EventNotification.objects.all())) == [thin]
