"""The statement that claims a row: fair over lanes, one per lane, by the database's clock."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from work.models import DueRow, WorkerHeartbeat
from work.queues import Queue

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
            ORDER BY t.priority, t.due_at, t.id LIMIT 1
        ) head
        WHERE NOT EXISTS (SELECT FROM {table} busy WHERE busy.state = 'claimed' AND busy.lane = lanes.lane)
        UNION ALL
        SELECT t.id, t.lane, t.priority, t.lease_until FROM {table} t
        WHERE t.state = 'claimed' AND t.lease_until <= statement_timestamp() {only_lane}
    )"""

# The conditions are repeated beside the lock: a row that changed under us is looked at again, and let go.
_CLAIM = """
    candidates AS (SELECT id, priority, random() AS turn FROM heads ORDER BY priority, turn LIMIT 100),
    picked AS (
        SELECT t.id FROM candidates JOIN {table} t ON t.id = candidates.id
        WHERE (t.state = 'waiting' AND t.due_at <= statement_timestamp())
           OR (t.state = 'claimed' AND t.lease_until <= statement_timestamp())
        ORDER BY candidates.priority, candidates.turn LIMIT 1
        FOR UPDATE OF t SKIP LOCKED
    )
    UPDATE {table} t SET
        state = 'claimed',
        attempts = t.attempts + 1,
        fence = t.fence + 1,
        lease_until = statement_timestamp() + %(lease)s,
        claimed_by = %(claimed_by)s
    FROM picked WHERE t.id = picked.id
    RETURNING {columns}"""

_IS_DUE = """
    SELECT FROM {table} WHERE state = 'waiting' AND lane = %(lane)s AND due_at <= statement_timestamp() LIMIT 1"""

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


@dataclass(frozen=True)
class WaitingLane:
    """A lane whose head could be claimed now, and for how many seconds it could have been already."""

    lane: str
    priority: int
    waited: float


def _sql(model: type[DueRow], tail: str, one_lane: bool) -> str:
    quote = connection.ops.quote_name
    lanes = _ONE_LANE if one_lane else _EVERY_LANE
    return f"WITH RECURSIVE {lanes}, {_HEADS}{',' if tail is _CLAIM else ''} {tail}".format(
        table=quote(model._meta.db_table),
        columns=", ".join(f"t.{quote(each.column)}" for each in model._meta.concrete_fields if each.column),
        only_lane="AND t.lane = %(lane)s" if one_lane else "",
    )


def claim_one(queue: Queue[Any], lane: str | None, *, claimed_by: str) -> DueRow | None:
    """Claim the head of one lane; None when no lane has a head to claim.

    Raises IntegrityError when somebody else claimed another row of the same lane at the same moment.
    """
    parameters = {"lane": lane, "lease": queue.lease, "claimed_by": claimed_by[:100]}
    rows = queue.model._base_manager.raw(_sql(queue.model, _CLAIM, lane is not None), parameters)
    return next(iter(rows), None)


def lock(row: DueRow) -> bool:
    """Lock the row until the present transaction ends; False if the claim on it does not stand any more."""
    table = connection.ops.quote_name(row._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.format(table=table), {"id": row.pk, "fence": row.fence})
        return cursor.fetchone() is not None


def is_due(queue: Queue[Any], lane: str) -> bool:
    """Whether a row of that lane waits and is due, whoever may be working on another one."""
    table = connection.ops.quote_name(queue.model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_IS_DUE.format(table=table), {"lane": lane})
        return cursor.fetchone() is not None


def waiting_lanes(queue: Queue[Any]) -> list[WaitingLane]:
    """Every lane with a head that could be claimed now: most urgent first, equals in random order."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(queue.model, _WAITING, one_lane=False))
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
