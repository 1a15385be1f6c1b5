"""Having events processed again: chosen by ids or conditions, oldest first, and written down with who wanted it.

A handler does what Stripe's present state asks for, so an event that is processed twice does no harm.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, QuerySet
from django.db.models.functions import Now

from webhooks import inbox
from webhooks.models import EventNotification, EventReplay
from work import bell

BATCH = 500
STATES = (EventNotification.State.DEAD, EventNotification.State.DONE)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Which events to process again; what is empty does not count. `since` and `until` are about their arrival."""

    ids: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    type: str = ""
    account: str = ""
    state: str = ""
    outcome: str = ""

    def events(self) -> QuerySet[EventNotification]:
        """Every event that meets them, whether or not it can be processed again."""
        wanted = {
            "created_at__gte": self.since,
            "created_at__lt": self.until,
            "type": self.type,
            "stripe_account_id": self.account,
            "state": self.state,
            "outcome": self.outcome,
        }
        events = EventNotification.objects.filter(**{name: value for name, value in wanted.items() if value})
        return events.filter(event_id__in=self.ids) if self.ids else events

    def written(self) -> dict[str, Any]:
        """The conditions that count, as they are written down."""
        given = {name: value for name, value in asdict(self).items() if value}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()
        }


def replayable(events: QuerySet[EventNotification]) -> QuerySet[EventNotification]:
    """Those that have come to an end and can still be read: Stripe shows a thin event again, but not a snapshot."""
    return events.filter(state__in=STATES).exclude(
        payload=EventNotification.Payload.SNAPSHOT, body_forgotten_at__isnull=False
    )


def summary(events: QuerySet[EventNotification], *, limit: int | None = None) -> list[tuple[str, str, int]]:
    """How many a replay of `events` would take up, by type and state."""
    chosen = replayable(events).order_by("pk")
    if limit is not None:
        chosen = EventNotification.objects.filter(pk__in=chosen.values("pk")[:limit])
    counted = chosen.order_by("type", "state").values_list("type", "state").annotate(count=Count("pk"))
    return list(counted)


def replay(
    events: QuerySet[EventNotification], *, by: str, chosen: dict[str, Any], limit: int | None = None
) -> int:
    """Have ended events processed from the beginning, the `limit` oldest of them; returns how many.

    What arrives meanwhile is left alone. Each batch commits with its number in the EventReplay row, so that it holds
    whatever happens; nothing is written down where nothing was chosen.
    """
    events = replayable(events).order_by("pk")
    newest = events.aggregate(newest=Max("pk"))["newest"]
    record, after, done = None, 0, 0
    while newest is not None and (limit is None or done < limit):
        size = BATCH if limit is None else min(BATCH, limit - done)
        batch = events.filter(pk__gt=after, pk__lte=newest).values_list("pk", "lane")[:size]
        rows = list(batch)
        if not rows:
            break
        with transaction.atomic():
            record = record or EventReplay.objects.create(by=by[:200], chosen=chosen)
            begun = _begin_again([pk for pk, _ in rows], {lane for _, lane in rows})
            EventReplay.objects.filter(pk=record.pk).update(events=F("events") + begun)
        after, done = rows[-1][0], done + begun
    return done


def _begin_again(pks: list[int], lanes: set[str]) -> int:
    again = replayable(EventNotification.objects.filter(pk__in=pks)).update(
        state=EventNotification.State.WAITING,
        attempts=0,
        due_at=Now(),
        finished_at=None,
        lease_until=None,
        problem="",
        outcome="",
        outcome_note="",
        silent_since=None,
        replays=F("replays") + 1,
    )
    # Many lanes have one bell that names none: whoever hears it looks at all.
    bell.ring_on_commit(inbox.QUEUE, lanes.pop() if len(lanes) == 1 else None)
    return again
