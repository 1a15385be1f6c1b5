"""The statement that claims a row: fair over lanes, one per lane, by the database's clock."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from work.models import LOST, DueRow, WorkerHeartbeat
from work.queues import Queue

_LOST_TIMES = 2
_WAITS_KNOWN = 16

# A loose index scan: one index probe per lane, however many rows the lane holds.
_EVERY_LANE = """
    lanes (lane) AS (
        (SELECT min(lane) FROM {table} WHERE state = 'waiting')
        UNION ALL
        SELECT (SELECT min(t.lane) FROM {table} t WHERE t.state = 'waiting' AND t.lane > lanes.lane)
        FROM lanes WHERE lanes.lane IS NOT NULL
    )"""
_ONE_LANE = "lanes (lane) AS (SELECT CAST(%(lane)s AS varchar))"

# The head of each lane that may be claimed now. A claimed row keeps its lane busy until its lease has run out; then it
# is the head itself. statement_timestamp() is the database's clock, goes on inside a transaction, and can use an index.
_HEADS = """
    heads (id, lane, priority, ready_at) AS (
        SELECT head.id, lanes.lane, head.priority, head.due_at
        FROM lanes CROSS JOIN LATERAL (
            SELECT t.id, t.priority, t.due_at FROM {table} t
            WHERE t.state = 'waiting' AND t.lane = lanes.lane AND t.due_at <= statement_timestamp()
              AND t.problem <> %(suspect)s
            ORDER BY t.priority, t.due_at, t.id LIMIT 1
        ) head
        WHERE NOT EXISTS (SELECT FROM {table} busy WHERE busy.state = 'claimed' AND busy.lane = lanes.lane)
        UNION ALL
        SELECT t.id, t.lane, t.priority, t.lease_until FROM {table} t
        WHERE t.state = 'claimed' AND t.lease_until <= statement_timestamp() {only_lane}
    )"""

# Suspects of every lane, by an index of their own.
_SUSPECTS = """
    heads (id, lane, priority, ready_at) AS (
        SELECT t.id, t.lane, t.priority, t.due_at FROM {table} t
        WHERE t.state = 'waiting' AND t.problem = %(suspect)s AND t.due_at <= statement_timestamp()
          AND NOT EXISTS (SELECT FROM {table} busy WHERE busy.state = 'claimed' AND busy.lane = t.lane)
    )"""

# A row whose worker is gone is taken over at once the first time. Later it is set aside as a suspect: it waits, so that
# others of its lane go first, and is then worked on alone. Only a suspect that was lost too often is claimed beyond the
# ceiling, to be buried: whoever was merely beside it has another try.
#
# The conditions are repeated beside the lock: a row that changed under us is looked at again, and let go.
_CLAIM = """
    candidates AS (SELECT id, priority, random() AS turn FROM heads ORDER BY priority, turn LIMIT 100),
    picked AS MATERIALIZED (
        SELECT t.id, t.state = 'claimed' AND CASE WHEN t.problem = %(suspect)s
            THEN t.attempts < %(ceiling)s ELSE t.attempts >= least({lost_times}, %(ceiling)s) END AS set_aside
        FROM candidates JOIN {table} t ON t.id = candidates.id
        WHERE (t.state = 'waiting' AND t.due_at <= statement_timestamp())
           OR (t.state = 'claimed' AND t.lease_until <= statement_timestamp())
        ORDER BY candidates.priority, candidates.turn LIMIT 1
        FOR UPDATE OF t SKIP LOCKED
    )
    UPDATE {table} t SET
        state = CASE WHEN set_aside THEN 'waiting' ELSE 'claimed' END,
        attempts = CASE WHEN set_aside THEN least(t.attempts, %(ceiling)s - 1) ELSE t.attempts + %(counted)s END,
        fence = t.fence + 1,
        lease_until = CASE WHEN set_aside THEN NULL ELSE statement_timestamp() + %(lease)s END,
        claimed_by = CASE WHEN set_aside THEN t.claimed_by ELSE %(claimed_by)s END,
        problem = CASE WHEN set_aside THEN %(suspect)s ELSE t.problem END,
        due_at = CASE WHEN set_aside THEN statement_timestamp() + make_interval(
            secs => (CAST(%(waits)s AS float8[]))
                [least(greatest(t.attempts, 1), cardinality(CAST(%(waits)s AS float8[])))]
        ) ELSE t.due_at END
    FROM picked WHERE t.id = picked.id
    RETURNING {columns}, EXISTS (
        SELECT FROM {table} next WHERE next.state = 'waiting' AND next.lane = t.lane
          AND next.due_at <= statement_timestamp() AND next.id <> t.id
    ) AS is_followed"""

_IS_DUE = """
    SELECT FROM {table} WHERE state = 'waiting' AND lane = %(lane)s AND due_at <= statement_timestamp()
      AND problem <> %(suspect)s
    LIMIT 1"""

_SUSPECT_IS_DUE = f"WITH {_SUSPECTS} SELECT FROM heads LIMIT 1"

_WAITING = """
    SELECT lane, priority, EXTRACT(EPOCH FROM statement_timestamp() - ready_at)::float8
    FROM heads ORDER BY priority, random()"""

# A worker that is frozen inside a transaction must not keep its row for ever: the database ends the transaction.
_LOCK = """
    SELECT set_config('idle_in_transaction_session_timeout', '30s', true)
    FROM {table} WHERE id = %(id)s AND fence = %(fence)s AND state = 'claimed' FOR UPDATE"""

# Only workers have heartbeats, so the claims of a shell or a web process keep their whole lease.
_RELEASE_OF_SILENT = """
    UPDATE {table} t SET lease_until = statement_timestamp()
    FROM {heartbeats} silent
    WHERE t.state = 'claimed' AND t.lease_until > statement_timestamp()
      AND t.claimed_by = silent.host || ':' || silent.pid
      AND NOT EXISTS (
        SELECT FROM {heartbeats} beating
        WHERE beating.host = silent.host AND beating.pid = silent.pid
          AND beating.beat_at > statement_timestamp() - make_interval(secs => %(silent_for)s)
      )"""

# When a row was claimed is not written down; its lease says so.
_RELEASE_OF_UNHELD = """
    UPDATE {table} SET lease_until = statement_timestamp()
    WHERE state = 'claimed' AND claimed_by = %(claimed_by)s AND id <> ALL(%(held)s)
      AND lease_until > statement_timestamp()
      AND lease_until <= statement_timestamp() + %(lease)s - make_interval(secs => %(claimed_before)s)"""


@dataclass(frozen=True)
class WaitingLane:
    """A lane whose head could be claimed now, and for how many seconds it could have been already."""

    lane: str
    priority: int
    waited: float


def _sql(model: type[DueRow], tail: str, *, heads: str = _HEADS, one_lane: bool = False) -> str:
    quote = connection.ops.quote_name
    lanes = f"{_ONE_LANE if one_lane else _EVERY_LANE}, " if heads is _HEADS else ""
    return f"WITH RECURSIVE {lanes}{heads}{',' if tail is _CLAIM else ''} {tail}".format(
        table=quote(model._meta.db_table),
        columns=", ".join(f"t.{quote(each.column)}" for each in model._meta.concrete_fields if each.column),
        only_lane="AND t.lane = %(lane)s" if one_lane else "",
        lost_times=_LOST_TIMES,
    )


def claim_one(queue: Queue[Any], lane: str | None, *, claimed_by: str) -> DueRow | None:
    """Claim the head of one lane, suspects apart; None when no lane has a head to claim.

    A row that comes back `waiting` was lost by its worker and has been set aside as a suspect.
    Raises IntegrityError when somebody else claimed another row of the same lane at the same moment.
    """
    return _claim(queue, _sql(queue.model, _CLAIM, one_lane=lane is not None), lane, claimed_by)


def claim_suspect(queue: Queue[Any], *, claimed_by: str, counts: bool = True) -> DueRow | None:
    """Claim a suspect that is due, of whatever lane; None when there is none. Raises what `claim_one` raises.

    Where it is not tried alone the try does not count: dying with it brings it no nearer to the ceiling.
    """
    return _claim(queue, _sql(queue.model, _CLAIM, heads=_SUSPECTS), None, claimed_by, counted=int(counts))


def _claim(
    queue: Queue[Any], statement: str, lane: str | None, claimed_by: str, counted: int = 1
) -> DueRow | None:
    known = range(1, min(queue.max_attempts, _WAITS_KNOWN) + 1)
    parameters = {
        "lane": lane,
        "lease": queue.lease,
        "claimed_by": claimed_by[:100],
        "counted": counted,
        "suspect": LOST,
        "ceiling": queue.max_attempts,
        "waits": [queue.backoff(attempts).total_seconds() for attempts in known],
    }
    rows = queue.model._base_manager.raw(statement, parameters)
    return next(iter(rows), None)


def lock(row: DueRow) -> bool:
    """Lock the row until the present transaction ends; False if the claim on it does not stand any more."""
    table = connection.ops.quote_name(row._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.format(table=table), {"id": row.pk, "fence": row.fence})
        return cursor.fetchone() is not None


def is_due(queue: Queue[Any], lane: str) -> bool:
    """Whether a row of that lane waits and is due, suspects apart, whoever may be working on another one."""
    return _is_there(queue, _IS_DUE, lane=lane)


def has_suspects(queue: Queue[Any]) -> bool:
    """Whether a suspect is due in a lane where nobody is at work."""
    return _is_there(queue, _SUSPECT_IS_DUE)


def _is_there(queue: Queue[Any], statement: str, **parameters: str) -> bool:
    table = connection.ops.quote_name(queue.model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table), {"suspect": LOST, **parameters})
        return cursor.fetchone() is not None


def waiting_lanes(queue: Queue[Any]) -> list[WaitingLane]:
    """Every lane with a head that could be claimed now: most urgent first, equals in random order."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(queue.model, _WAITING), {"suspect": LOST})
        return [WaitingLane(*row) for row in cursor.fetchall()]


def release_rows_of_silent_workers(queue: Queue[Any], *, silent_for: float) -> int:
    """End the leases of workers that have not beaten for `silent_for` seconds; returns how many rows that frees.

    Whoever is not dead but frozen loses nothing but the row: the fence refuses what it writes later.
    """
    quote = connection.ops.quote_name
    statement = _RELEASE_OF_SILENT.format(
        table=quote(queue.model._meta.db_table), heartbeats=quote(WorkerHeartbeat._meta.db_table)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"silent_for": silent_for})
        return int(cursor.rowcount)


def release_rows_not_held(
    queue: Queue[Any], *, claimed_by: str, held: list[int], claimed_before: float
) -> int:
    """End the leases of rows that this process claimed some seconds ago and does not hold; returns how many."""
    parameters: dict[str, Any] = {
        "claimed_by": claimed_by[:100],
        "held": held,
        "lease": queue.lease,
        "claimed_before": claimed_before,
    }
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(queue.model._meta.db_table)
        cursor.execute(_RELEASE_OF_UNHELD.format(table=table), parameters)
        return int(cursor.rowcount)
