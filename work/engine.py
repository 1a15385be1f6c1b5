"""Claim a due row, work on it, and write the end only while it is still ours: the engine behind everything that waits.

The row is the queue and a bell is only a hint: whoever looks finds what is due. A claim is one statement; the work
happens outside any transaction; an end is written only if the row's fence is still the one we were given.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
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

from work import bell, claims, hands
from work.activity import activity
from work.company import Chance, company
from work.ends import bury, fail, hold, postpone, problem_of, revive, settle
from work.models import DueRow
from work.queues import GiveUp, LostLease, Postpone, Queue, queue_named, queues, register
from work.unheard import CLAIMED_BEFORE, unheard

__all__ = [
    "GiveUp",
    "LostLease",
    "Postpone",
    "Queue",
    "bury",
    "claim",
    "drain",
    "drain_suspects",
    "drain_waiting",
    "fail",
    "give_back_unheard",
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
_TURN_SECONDS = 1.0  # a lane with ten thousand rows lets the others have theirs
_SUSPECTS_SECONDS = 1.0  # while a process is quiet anyway, one suspect after the other is tried


def claim(queue: Queue[RowT] | str, lane: str | None = None, limit: int = 1) -> list[RowT]:
    """Claim up to `limit` due rows, of `lane` or fairly over all lanes; at most one per lane is ever held.

    Each row is claimed by a statement of its own. Rows whose workers died with them are set aside or buried on the way.
    """
    queue = queue_named(queue)
    claimed: list[RowT] = []
    while len(claimed) < limit:
        row = _claim_one(partial(claims.claim_one, queue, lane))
        if row is None:
            break
        if row.state != DueRow.State.CLAIMED:
            logger.warning(
                "queue %s: row %s was lost by its worker again; it waits apart", queue.name, row.pk
            )
        elif row.attempts <= queue.max_attempts:
            claimed.append(row)
        else:
            # Whoever held it never came back, time and again: such a row kills its workers.
            with suppress(LostLease):
                bury(queue, row, "TakenOverTooOften")
    return claimed


def _claim_one(claim_it: Callable[..., DueRow | None]) -> Any:
    """One claimed row; None if there is nothing to claim.

    The statement commits by itself: a worker that is frozen between two round trips holds no lock that others wait for.
    """
    worker = _this_worker()
    for _ in range(_CONTESTED_TRIES):
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                return claim_it(claimed_by=worker)
        except IntegrityError:
            # Another worker took a different row of this lane at this very moment; the constraint let one of us win.
            continue
    return None


def _this_worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def drain(queue: Queue[Any] | str, lane: str | None = None, *, by_bell: bool = True) -> int:
    """Claim and work on one row after the other until nothing is due; returns how many were worked on.

    Must not be called inside a transaction. Trouble with the database ends the round quietly: the rows are still there.
    """
    queue = _begin(queue, lane, by_bell)
    return _drain(queue, lane)


def drain_waiting(queue: Queue[Any] | str, *, by_bell: bool = True) -> int:
    """Work on every lane that waits, in turns and several at a time, until none does; returns how many rows it were.

    For when no bell names a lane: one scan finds the lanes, where `drain` without a lane would scan for every row.
    Must not be called inside a transaction.
    """
    queue = _begin(queue, None, by_bell)
    worked = 0
    while not activity.closing.is_set():
        done = hands.share_out(queue.name, partial(_waiting_lanes, queue), partial(_take_turn, queue))
        if not done:
            break
        worked += done
    return worked


def drain_suspects(queue: Queue[Any] | str) -> int:
    """Work on rows whose workers died with them, while this process does nothing else; returns how many it were.

    Ends early, for another time, where the process does not fall quiet.
    """
    queue = queue_named(queue)
    worked = 0
    while not activity.closing.is_set() and claims.has_suspects(queue):
        with company.alone(queue.lease) as chance:
            done = _try_suspects(queue, chance) if chance else 0
        if not done:
            break
        worked += done
    return worked


def _try_suspects(queue: Queue[Any], chance: Chance) -> int:
    """One after the other for a moment. Whatever dies beside others is not one try nearer to being buried."""
    end = time.monotonic() + _SUSPECTS_SECONDS
    worked = 0
    claim_it = partial(claims.claim_suspect, queue, counts=chance is Chance.ALONE)
    while (row := _claim_one(claim_it)) is not None:
        _work_on(queue, row)
        worked += 1
        if time.monotonic() > end or activity.closing.is_set():
            break
    return worked


def give_back_unheard(queue: Queue[Any]) -> int:
    """For a while after an outage: free the rows that this process has claimed without hearing of it; how many."""
    if not unheard.is_possible(queue.name):
        return 0
    freed = claims.release_rows_not_held(
        queue, claimed_by=_this_worker(), held=unheard.held(queue.name), claimed_before=CLAIMED_BEFORE
    )
    if freed:
        logger.warning(
            "queue %s: %s claims had gone unheard in an outage, and are free again", queue.name, freed
        )
    return freed


def _begin(queue: Queue[Any] | str, lane: str | None, by_bell: bool) -> Queue[Any]:
    queue = queue_named(queue)
    if connection.in_atomic_block:
        raise RuntimeError("drain() works outside transactions; it was called inside one.")
    if by_bell:
        activity.heard_bell(queue.name)
    bell.take_down(queue.name, lane)
    return queue


def _drain(queue: Queue[Any], lane: str | None, until: float = float("inf")) -> int:
    """Work on one row after the other while any is due, and `until` a moment of the monotonic clock."""
    worked = 0
    try:
        while not activity.closing.is_set() and time.monotonic() < until:
            with company.beside_others(queue.lease, may_share_an_end=queue.may_share_an_end) as welcome:
                rows = claim(queue, lane) if welcome else []
                if not rows:
                    break
                _work_on(queue, rows[0])
            worked += 1
            if connection.errors_occurred:
                close_old_connections()
            if lane is not None and not claims.is_due(queue, lane):  # a look costs a fraction of a claim
                break
    except (OperationalError, InterfaceError) as trouble:
        _is_away(queue, trouble)
    return worked


def _is_away(queue: Queue[Any], trouble: Exception) -> None:
    unheard.doubt(queue.name)
    logger.warning("queue %s: the database is away (%s)", queue.name, problem_of(trouble))
    close_old_connections()


def _waiting_lanes(queue: Queue[Any]) -> list[str]:
    """The lanes to work on, most urgent first; none when nothing may be begun."""
    if activity.closing.is_set():
        return []
    try:
        return [each.lane for each in claims.waiting_lanes(queue)]
    except (OperationalError, InterfaceError) as trouble:
        _is_away(queue, trouble)
        return []


def _take_turn(queue: Queue[Any], lane: str) -> int:
    bell.take_down(queue.name, lane)
    return _drain(queue, lane, until=time.monotonic() + _TURN_SECONDS)


def _work_on(queue: Queue[Any], row: Any) -> None:
    """Run the queue's process for a claimed row and record how it ended."""
    try:
        with activity.working(queue.lease), unheard.holding(queue.name, row.pk):
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
