"""How long events are kept: their bodies for a month, the facts for more than a year; in small batches, oldest first.

Each batch stands for itself, so that a run that is stopped has done what it did, and the next goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from webhooks.models import ConflictingDelivery, EventNotification, EventReplay

PRUNED_EVERY_SECONDS = 600
PARKED_FOR = timedelta(days=30)
BATCH = 500
_BATCHES_PER_RUN = 40
# An event that was still open when its body should have gone has ended by then: Stripe is waited for three days.
_ENDS_WITHIN = timedelta(days=4)
_ENDED = (EventNotification.State.DONE, EventNotification.State.DEAD)


@dataclass
class Pruned:
    """How many rows a run changed, or would change."""

    unparked: int = 0
    bodies: int = 0
    events: int = 0
    replays: int = 0


def prune_some() -> None:
    """As much as takes a moment: what a periodic run does."""
    prune(now=timezone.now(), batches=_BATCHES_PER_RUN)


def prune(*, now: datetime, batches: int | None = None) -> Pruned:
    """Let go of what is too old, in at most so many batches of each kind; without a limit, all of it."""
    told = Pruned()
    told.unparked = _too_long_parked(now).update(outcome=EventNotification.Outcome.UNMATCHED)
    told.events = _in_batches(lambda: _delete_batch(_facts_before(now)), batches)
    oldest = _first_with_body()
    told.bodies = _forget_bodies(_bodies_before(now), since=oldest, batches=batches)
    told.replays = _old_replays(now).delete()[0]
    return told


def would_prune(*, now: datetime) -> Pruned:
    """What `prune` would do, without doing it."""
    facts = _ended().filter(created_at__lt=_facts_before(now))
    bodies = _ended().filter(
        created_at__lt=_bodies_before(now), created_at__gte=_facts_before(now), body_forgotten_at=None
    )
    since = _first_with_body()
    return Pruned(
        unparked=_too_long_parked(now).count(),
        bodies=(bodies if since is None else bodies.filter(created_at__gte=since)).count(),
        events=facts.count(),
        replays=_old_replays(now).count(),
    )


def check_ages(**_: Any) -> list[CheckMessage]:
    """The facts of an event are kept at least as long as its body."""
    if settings.EVENT_FACTS_KEPT_DAYS >= settings.EVENT_BODIES_KEPT_DAYS:
        return []
    return [
        Error(
            "EVENT_FACTS_KEPT_DAYS is less than EVENT_BODIES_KEPT_DAYS.",
            hint="An event would be deleted before its body was to be.",
            id="webhooks.E004",
        )
    ]


def _bodies_before(now: datetime) -> datetime:
    return now - timedelta(days=settings.EVENT_BODIES_KEPT_DAYS)


def _facts_before(now: datetime) -> datetime:
    return now - timedelta(days=settings.EVENT_FACTS_KEPT_DAYS)


def _ended() -> QuerySet[EventNotification]:
    return EventNotification.objects.filter(state__in=_ENDED)


def _too_long_parked(now: datetime) -> QuerySet[EventNotification]:
    return EventNotification.objects.filter(
        outcome=EventNotification.Outcome.PARKED, created_at__lt=now - PARKED_FOR
    )


def _old_replays(now: datetime) -> QuerySet[EventReplay]:
    return EventReplay.objects.filter(at__lt=_facts_before(now))


def _first_with_body() -> datetime | None:
    """From where to look for bodies: a little before the newest that is forgotten; None if none ever was."""
    newest = EventNotification.objects.filter(body_forgotten_at__isnull=False).aggregate(
        newest=Max("created_at")
    )["newest"]
    return newest - _ENDS_WITHIN if newest is not None else None


def _in_batches(do: Callable[[], int], batches: int | None) -> int:
    """Call `do`, which returns how many rows it changed, until it changes none; the sum."""
    total = done = 0
    while batches is None or done < batches:
        changed = do()
        total, done = total + changed, done + 1
        if not changed:
            break
    return total


def _forget_bodies(before: datetime, *, since: datetime | None, batches: int | None) -> int:
    """Forget the bodies of ended events that came between; each batch begins where the one before it ended."""
    place = [since]

    def forget() -> int:
        candidates = _ended().filter(created_at__lt=before, body_forgotten_at=None)
        if place[0] is not None:
            candidates = candidates.filter(created_at__gte=place[0])
        chosen = list(candidates.order_by("created_at").values_list("pk", "created_at")[:BATCH])
        if not chosen:
            return 0
        place[0] = chosen[-1][1]
        # Asked again: it may have been taken up since, and then needs its body.
        ended = _ended().filter(pk__in=[pk for pk, _ in chosen], body_forgotten_at=None)
        ended.update(body="", body_forgotten_at=timezone.now())
        return len(chosen)

    return _in_batches(forget, batches)


def _delete_batch(before: datetime) -> int:
    """Delete a batch of ended events with what was noted about them; the database, not Django, finds and deletes."""
    chosen = list(
        _ended().filter(created_at__lt=before).order_by("created_at").values_list("pk", flat=True)[:BATCH]
    )
    if not chosen:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # Asked again: somebody may have had it processed anew since.
        ended = _ended().filter(pk__in=chosen).select_for_update(skip_locked=True)
        chosen = list(ended.values_list("pk", flat=True))
        for model, column in ((ConflictingDelivery, "event_id"), (EventNotification, "id")):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [chosen])  # noqa: S608 # our names
    return len(chosen)
