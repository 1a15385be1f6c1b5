"""What a metrics collector reads about the events from Stripe, beside what it reads about every queue.

Each number comes from an index, however many events are kept.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Case, Count, F, Min, Q, Value, When
from prometheus_client.core import Metric

from partner_site.gauges import gauge
from webhooks.models import ConflictingDelivery, EventNotification, EventReplay
from work.models import LOST, DueRow

_AN_HOUR = timedelta(hours=1)
_A_DAY = timedelta(days=1)
_NO_END_YET = "open"


def families(now: datetime) -> Iterator[Metric]:
    """Every family about events."""
    yield _arrived(now)
    oldest, put_off = still_waiting(now)
    words = "For how long the oldest event that waits has been here, put off or not; 0 when none waits."
    age = (now - oldest).total_seconds() if oldest else 0.0
    yield gauge("events_oldest_waiting_age_seconds", words, [], [([], max(0.0, age))])
    words = "Events that wait for a later moment: they were put off, or failed and will be tried again."
    yield gauge("events_put_off", words, [], [([], float(put_off))])
    counts = {
        "events_parked": (
            "Events that wait for their account to connect.",
            EventNotification.objects.filter(outcome=EventNotification.Outcome.PARKED),
        ),
        "events_set_aside": (
            "Events whose worker died with them more than once, and that are tried apart.",
            EventNotification.objects.filter(state=DueRow.State.WAITING, problem=LOST),
        ),
        "events_conflicting_last_day": (
            "Other contents under a known event's id, in the last 24 hours.",
            ConflictingDelivery.objects.filter(last_at__gte=now - _A_DAY),
        ),
        "events_replays_last_day": (
            "Replays of events that somebody asked for in the last 24 hours.",
            EventReplay.objects.filter(at__gte=now - _A_DAY),
        ),
    }
    for name, (words, rows) in counts.items():
        yield gauge(name, words, [], [([], float(rows.count()))])


def still_waiting(now: datetime) -> tuple[datetime | None, int]:
    """When the oldest of the events that wait came, and how many of them wait for a moment that is not here yet.

    Whoever puts an event off makes it due later, so that what is due may look young while everything waits.
    """
    waiting = EventNotification.objects.filter(state=DueRow.State.WAITING).order_by()
    told = waiting.aggregate(oldest=Min("created_at"), put_off=Count("pk", filter=Q(due_at__gt=now)))
    return told["oldest"], told["put_off"]


def _arrived(now: datetime) -> Metric:
    """Always a sample for every outcome, or an alert on one would not know nothing from none."""
    ends = [*EventNotification.Outcome.values, DueRow.State.DEAD.value, _NO_END_YET]
    became = Case(
        When(state=DueRow.State.DEAD, then=Value(DueRow.State.DEAD.value)),
        When(state=DueRow.State.DONE, then=F("outcome")),
        default=Value(_NO_END_YET),
    )
    lately = EventNotification.objects.filter(created_at__gte=now - _AN_HOUR)
    found = dict(lately.order_by().values_list(became).annotate(count=Count("pk")))
    words = "Events that came in the last hour, by what became of them."
    return gauge(
        "events_arrived_last_hour", words, ["became"], [([end], float(found.get(end, 0))) for end in ends]
    )
