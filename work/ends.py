"""What becomes of a claimed row: done, later, or dead; written only by whoever still holds it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from work import bell, claims
from work.models import DueRow
from work.queues import LostLease, Queue, queue_of

logger = logging.getLogger(__name__)
RowT = TypeVar("RowT", bound=DueRow)


@contextmanager
def settle(row: DueRow) -> Iterator[None]:
    """One transaction for a row's result: it holds only if the row is still ours, and marks it done at the end.

    Raises LostLease, with everything inside rolled back, when somebody else has taken the row over.
    """
    with hold(row):
        yield
        _write(row, state=DueRow.State.DONE, finished_at=Now(), problem="", **row.last_words())
    row.state = DueRow.State.DONE


@contextmanager
def hold(row: DueRow) -> Iterator[None]:
    """One transaction for what is written before the end: it holds only if the row is still ours, else LostLease."""
    with transaction.atomic():
        if not claims.lock(row):
            raise LostLease
        yield


def postpone(row: DueRow, delay: timedelta, problem: str) -> None:
    """Let the row wait for `delay`, not counting this run as a failed attempt; raises LostLease if it is not ours."""
    _write(
        row,
        state=DueRow.State.WAITING,
        due_at=Now() + delay,
        attempts=max(row.attempts - 1, 0),
        problem=problem[:300],
    )
    row.state = DueRow.State.WAITING


def fail(queue: Queue[RowT], row: RowT, problem: str) -> None:
    """Count a failed attempt: try again later, or bury the row at the ceiling; raises LostLease if it is not ours."""
    if row.attempts >= queue.max_attempts:
        bury(queue, row, problem)
        return
    logger.warning("queue %s: row %s failed (%s), attempt %s", queue.name, row.pk, problem, row.attempts)
    _write(row, state=DueRow.State.WAITING, due_at=Now() + queue.backoff(row.attempts), problem=problem[:300])
    row.state = DueRow.State.WAITING


def bury(queue: Queue[RowT], row: RowT, problem: str) -> None:
    """End the row as dead, where ops can see and revive it; raises LostLease if it is not ours."""
    with transaction.atomic():
        _write(row, state=DueRow.State.DEAD, finished_at=Now(), problem=problem[:300])
        row.state = DueRow.State.DEAD
        row.problem = problem[:300]
        _tell_dead(queue, row)


def revive(row: DueRow) -> bool:
    """Let a dead row be tried from the beginning, due now; False if it is not dead, or another took its place."""
    dead = type(row)._base_manager.filter(pk=row.pk, state=DueRow.State.DEAD)
    try:
        with transaction.atomic():
            revived = dead.update(
                state=DueRow.State.WAITING, attempts=0, due_at=Now(), finished_at=None, lease_until=None
            )
    except IntegrityError:  # there may be one open row of its kind only
        return False
    queue = queue_of(row)
    if revived and queue:
        bell.ring_on_commit(queue.name, row.lane)
    return bool(revived)


def problem_of(problem: BaseException) -> str:
    """What went wrong in our own words: the exception's class, and its `code` if that is a plain identifier."""
    code = getattr(problem, "code", None)
    plain = isinstance(code, str) and code.isascii() and code.isidentifier() and len(code) <= 64
    return f"{type(problem).__name__}: {code}" if plain else type(problem).__name__


def _held(row: DueRow) -> QuerySet[Any]:
    """The row, if this worker's claim on it still stands."""
    return type(row)._base_manager.filter(pk=row.pk, fence=row.fence, state=DueRow.State.CLAIMED)


def _write(row: DueRow, **values: Any) -> None:
    if not _held(row).update(lease_until=None, **values):
        raise LostLease


def _tell_dead(queue: Queue[Any], row: Any) -> None:
    """Say that a row is dead; trouble in `on_dead` undoes its own writes only, never the end itself."""
    logger.error("queue %s: row %s is dead (%s)", queue.name, row.pk, row.problem)
    if queue.on_dead is None:
        return
    try:
        with transaction.atomic():
            queue.on_dead(row)
    except Exception as problem:
        logger.error("queue %s: on_dead failed for row %s (%s)", queue.name, row.pk, problem_of(problem))  # noqa: TRY400 # no outside text
