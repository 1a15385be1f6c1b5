"""The queues there are: which rows, what is done with one, and how patiently."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.core.exceptions import ImproperlyConfigured

from work.models import DueRow

RowT = TypeVar("RowT", bound=DueRow)
_dice = random.SystemRandom()


class Postpone(Exception):
    """Raised by a `process` to have its row tried again after `delay`; it does not count as a failed attempt.

    Whoever postpones decides when to stop: `row.fence` says how often the row was claimed, `row.created_at` how old
    it is.
    """

    def __init__(self, delay: timedelta, problem: str) -> None:
        super().__init__(problem)
        self.delay = delay
        self.problem = problem


class GiveUp(Exception):
    """Raised by a `process` when trying again cannot help: the row is dead at once."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class LostLease(Exception):
    """The row is no longer ours: its lease ran out and somebody else took it. Nothing was written."""


def doubling_backoff(attempts: int) -> timedelta:
    """How long to wait after the given number of failed attempts: 2 s doubled each time, at most 1 h, with jitter."""
    longest = min(2.0 * 2 ** min(attempts - 1, 12), 3600.0)
    return timedelta(seconds=_dice.uniform(longest / 2, longest))


@dataclass(frozen=True)
class Queue(Generic[RowT]):
    """Due rows of one model and the function that works on one of them.

    `process(row)` is called outside any transaction with a claimed row; it writes its result in `engine.settle(row)`
    (a `process` that returns without settling is settled for it). `lease` must be longer than `process` may take:
    time limits do not exist in a thread pool, the lease is the limit. `task_name` is the Celery task that drains the
    queue; with `per_lane` it is rung with the lane as its one argument. `on_dead(row)` runs in the transaction that
    buries. A row whose worker's heart has stopped is taken over before its lease ends, unless `takes_over_early` is
    false: right where the fence cannot undo what a merely slow worker does (a mail is sent twice). Rows
    that take long and lose nothing when they are begun anew `may_share_an_end`: suspects do not wait for them.
    """

    name: str
    model: type[RowT]
    process: Callable[[RowT], None]
    task_name: str
    per_lane: bool = True
    lease: timedelta = timedelta(seconds=30)
    max_attempts: int = 5
    backoff: Callable[[int], timedelta] = field(default=doubling_backoff)
    on_dead: Callable[[RowT], None] | None = None
    takes_over_early: bool = True
    may_share_an_end: bool = False


_queues: dict[str, Queue[Any]] = {}


def register(queue: Queue[Any]) -> None:
    """Make a queue known to every worker; called once per queue from an app's `AppConfig.ready`."""
    if queue.name in _queues:
        raise ImproperlyConfigured(f"A queue named {queue.name!r} is registered already.")
    promised = f"{queue.model._meta.app_label}_{queue.model._meta.model_name}_one_claim_per_lane"
    if promised not in {constraint.name for constraint in queue.model._meta.constraints}:
        raise ImproperlyConfigured(
            f"{queue.model.__name__} lacks DueRow's constraints: write `class Meta(DueRow.Meta)` and extend its lists."
        )
    _queues[queue.name] = queue


def queues() -> dict[str, Queue[Any]]:
    """Every registered queue by its name."""
    return dict(_queues)


def queue_named(queue: Queue[Any] | str) -> Queue[Any]:
    """The queue of that name; a queue is returned as it is. Raises KeyError for an unknown name."""
    return _queues[queue] if isinstance(queue, str) else queue


def queue_of(row: DueRow) -> Queue[Any] | None:
    """The queue that `row` belongs to, if one is registered for its model."""
    return next((queue for queue in _queues.values() if queue.model is type(row)), None)
