"""Claim a due row, work on it, and write the end only while it is still ours: the engine behind everything that waits.

The row is the queue and a bell is only a hint: whoever looks finds what is due. A claim is one statement; the work
happens outside any transaction; an end is written only if the row's fence is still the one we were given.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import QuerySet
from django.db.models.functions import Now

from work import bell, claims
from work.activity import activity
from work.models import DueRow
from work.queues import GiveUp, LostLease, Postpone, Queue, queue_named, queue_of, queues, register

__all__ = [
    "GiveUp",
    "LostLease",
    "Postpone",
    "Queue",
    "bury",
    "claim",
    "drain",
    "fail",
    "hold",
    "postpone",
    "problem_of",
    "queues",
    "register",
    "revive",
    "settle",
]

logger = logging.getLogger(__name__)
RowT = TypeVar("RowT", bound=DueRow)
_CONTESTED_TRIES = 5
_OUTAGE_PAUSE_SECONDS = 1.0


def claim(queue: Queue[RowT] | str, lane: str | None = None, limit: int = 1) -> list[RowT]:
    """Claim up to `limit` due rows, of `lane` or fairly over all lanes; at most one per lane is ever held.

    Each row is claimed by a statement of its own. Rows that were taken over too often are buried on the way.
    """
    queue = queue_named(queue)
    claimed: list[RowT] = []
    while len(claimed) < limit:
        row = _claim_one(queue, lane)
        if row is None:
            break
        if row.attempts <= queue.max_attempts:
            claimed.append(row)
        else:
            # Whoever held it never came back, time and again: such a row kills its workers.
            with suppress(LostLease):
                bury(queue, row, "TakenOverTooOften")
    return claimed


def _claim_one(queue: Queue[Any], lane: str | None) -> Any:
    """One claimed row; None if there is nothing to claim.

    The statement commits by itself: a worker that is frozen between two round trips holds no lock that others wait for.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    for _ in range(_CONTESTED_TRIES):
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                return claims.claim_one(queue, lane, claimed_by=worker)
        except IntegrityError:
            # Another worker took a different row of this lane at this very moment; the constraint let one of us win.
            continue
    return None


def drain(queue: Queue[Any] | str, lane: str | None = None, *, by_bell: bool = True) -> int:
    """Claim and work on one row after the other until nothing is due; returns how many were worked on.

    Must not be called inside a transaction. Trouble with the database ends the round quietly: the rows are still there.
    """
    queue = queue_named(queue)
    if connection.in_atomic_block:
        raise RuntimeError("drain() works outside transactions; it was called inside one.")
    if by_bell:
        activity.heard_bell(queue.name)
    bell.take_down(queue.name, lane)
    worked = 0
    try:
        while not activity.closing.is_set():
            rows = claim(queue, lane)
            if not rows:
                break
            _work_on(queue, rows[0])
            worked += 1
            if connection.errors_occurred:
                close_old_connections()
            if lane is not None and not claims.is_due(queue, lane):  # a look costs a fraction of a claim
                break
    except (OperationalError, InterfaceError) as trouble:
        logger.warning("queue %s: the database is away (%s)", queue.name, problem_of(trouble))
        close_old_connections()
    return worked


def _work_on(queue: Queue[Any], row: Any) -> None:
    """Run the queue's process for a claimed row and record how it ended."""
    try:
        with activity.working(queue.lease):
            _run(queue, row)
    except LostLease:
        logger.warning("queue %s: row %s was lost to another worker; nothing was written", queue.name, row.pk)


def _run(queue: Queue[Any], row: Any) -> None:
    try:
        queue.process(row)
    except LostLease:
        raise
    except Postpone as wish:
        _surely(queue, partial(postpone, row, wish.delay, wish.problem))
    except GiveUp as end:
        _surely(queue, partial(bury, queue, row, end.problem))
    except Exception as problem:  # whatever it was, the row must not be lost
        _surely(queue, partial(fail, queue, row, problem_of(problem)))
    else:
        if row.state == DueRow.State.CLAIMED:
            with settle(row):
                pass


def _surely(queue: Queue[Any], write_end: Callable[[], None]) -> None:
    """Write how a run ended, trying again while the database is away, so that its lane need not wait for the lease."""
    end = time.monotonic() + queue.lease.total_seconds()
    while True:
        try:
            write_end()
        except (OperationalError, InterfaceError):
            if time.monotonic() > end or activity.closing.wait(_OUTAGE_PAUSE_SECONDS):
                raise
            close_old_connections()
        else:
            return


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
    """Let a dead row be tried from the beginning, due now; False if it was not dead (any more)."""
    dead = type(row)._base_manager.filter(pk=row.pk, state=DueRow.State.DEAD)
    revived = dead.update(
        state=DueRow.State.WAITING, attempts=0, due_at=Now(), finished_at=None, lease_until=None
    )
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
