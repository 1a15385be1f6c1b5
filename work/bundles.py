"""Rows of one lane that are worked on along with its head: taken by its holder, ended in the head's own transaction.

Whoever holds the claimed row of a lane has the lane to themselves, so rows that wait behind it may be done in one go. A
row is taken along once at most, and only before its first try: one that ends its worker, or spoils the work of the
others, harms them once and is alone from then on.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from work.models import LOST, DueRow

RowT = TypeVar("RowT", bound=DueRow)
PUT_OFF = 1000

# What is chosen under a lock is MATERIALIZED: a plan may ask a subquery anew for each row that it meets, and each time
# would choose and change others, since it passes over those that the statement itself has changed.
_TAKE = """
    WITH taken AS MATERIALIZED (
        SELECT id FROM {table}
        WHERE state = 'waiting' AND lane = %(lane)s AND due_at <= statement_timestamp() AND attempts = 0 {alike}
        ORDER BY priority, due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE {table} t SET attempts = t.attempts + 1, fence = t.fence + 1
    FROM taken WHERE t.id = taken.id
    RETURNING {columns}"""

_LOCK = """
    SELECT t.id FROM {table} t JOIN unnest(%(ids)s::bigint[], %(fences)s::int[]) AS mine (id, fence) USING (id, fence)
    WHERE t.state = 'waiting' FOR UPDATE OF t SKIP LOCKED"""

_FINISH = """
    UPDATE {table} t SET state = 'done', finished_at = statement_timestamp(), problem = ''{assignments}
    FROM unnest(%(id)s::bigint[]{arrays}) AS ended (id{names}) WHERE t.id = ended.id"""

_PUT_OFF = """
    WITH due AS MATERIALIZED (
        SELECT id, priority, due_at FROM {table}
        WHERE state = 'waiting' AND lane = %(lane)s AND due_at <= statement_timestamp() AND problem <> %(suspect)s
        ORDER BY priority, due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), line AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY priority, due_at, id) AS place FROM due
    )
    UPDATE {table} t SET due_at = statement_timestamp() + %(delay)s + place * %(spacing)s, problem = %(problem)s
    FROM line WHERE t.id = line.id"""


def take_along(head: RowT, *, limit: int, **alike: Any) -> list[RowT]:
    """Up to `limit` untried rows of the head's lane that are due and whose fields are one of those given, in order.

    The head's claim must be ours. A row taken counts as tried, whatever becomes of it; it stays waiting.
    """
    if limit < 1:
        return []
    quote = connection.ops.quote_name
    conditions = "".join(f" AND {quote(field)} = ANY(%({field})s)" for field in alike)
    statement = _TAKE.format(
        table=quote(head._meta.db_table),
        alike=conditions,
        columns=", ".join(f"t.{quote(each.column)}" for each in head._meta.concrete_fields if each.column),
    )
    rows = type(head)._base_manager.raw(statement, {"lane": head.lane, "limit": limit, **alike})
    return sorted(rows, key=lambda row: (row.priority, row.due_at, row.pk))


def lock_taken(rows: Sequence[RowT]) -> list[RowT]:
    """Those of the rows that are still as they were taken, locked until the present transaction ends; waits for none.

    Call it while the head is held: `engine.hold` or `engine.settle`.
    """
    if not rows:
        return []
    table = connection.ops.quote_name(rows[0]._meta.db_table)
    with connection.cursor() as cursor:
        ids, fences = [row.pk for row in rows], [row.fence for row in rows]
        cursor.execute(_LOCK.format(table=table), {"ids": ids, "fences": fences})
        locked = {each[0] for each in cursor.fetchall()}
    return [row for row in rows if row.pk in locked]


def finish_taken(ends: Sequence[tuple[RowT, Mapping[str, str]]]) -> None:
    """Mark locked rows as done, each with texts of its own for the same fields."""
    if not ends:
        return
    quote = connection.ops.quote_name
    fields = list(ends[0][1])
    statement = _FINISH.format(
        table=quote(ends[0][0]._meta.db_table),
        assignments="".join(f", {quote(field)} = ended.{quote(field)}" for field in fields),
        arrays="".join(f", %({field})s::text[]" for field in fields),
        names="".join(f", {quote(field)}" for field in fields),
    )
    values = {field: [str(end[field]) for _, end in ends] for field in fields}
    with connection.cursor() as cursor:
        cursor.execute(statement, {"id": [row.pk for row, _ in ends], **values})
    for row, _ in ends:
        row.state = DueRow.State.DONE


def put_back(rows: Sequence[DueRow], *, delay: timedelta, problem: str) -> None:
    """Let taken rows wait for `delay` as if they had not been tried."""
    for row in rows[:1]:
        taken = type(row)._base_manager.filter(
            pk__in=[each.pk for each in rows], state=DueRow.State.WAITING, attempts=1
        )
        taken.update(attempts=F("attempts") - 1, due_at=Now() + delay, problem=problem[:300])


def put_off(head: DueRow, *, delay: timedelta, problem: str, spacing: timedelta = timedelta()) -> int:
    """Let what is due in the head's lane, PUT_OFF rows at most, wait for `delay` or more; returns how many rows.

    Each next one waits `spacing` longer, so that they come back no faster than they can be done.
    """
    statement = _PUT_OFF.format(table=connection.ops.quote_name(head._meta.db_table))
    values: dict[str, Any] = {
        "lane": head.lane,
        "delay": delay,
        "spacing": spacing,
        "problem": problem[:300],
        "limit": PUT_OFF,
        "suspect": LOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
