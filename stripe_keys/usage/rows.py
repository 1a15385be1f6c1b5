"""The daily counts in the database: added to by many processes at once, and forgotten after a year and a bit."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DataError, connection, transaction

from stripe_keys.models import KeyUsage, RestrictedKey

logger = logging.getLogger(__name__)
KEPT_DAYS = 400
_FORGOTTEN_AT_ONCE = 10_000
_EPOCH = date(1970, 1, 1)

# A key that somebody has locked is left for the next time: whoever waits for two keys could wait for somebody who waits
# for one of them. Counts are added in one order by everybody, for the same reason.
_ADD = """
    WITH noted AS (
        SELECT * FROM unnest(
            %(keys)s::uuid[], %(days)s::date[], %(methods)s::text[], %(templates)s::text[], %(outcomes)s::text[],
            %(counts)s::bigint[]
        ) AS noted (key_id, day, method, template, outcome, count)
    ), known AS MATERIALIZED (
        SELECT id FROM {keys} WHERE id = ANY(%(keys)s::uuid[]) FOR KEY SHARE SKIP LOCKED
    )
    INSERT INTO {usage} AS present (key_id, day, method, template, outcome, count)
    SELECT key_id, day, method, template, outcome, count FROM noted JOIN known ON known.id = noted.key_id
    ORDER BY key_id, day, method, template, outcome
    ON CONFLICT (key_id, day, method, template, outcome)
    DO UPDATE SET count = least(present.count::bigint + excluded.count, 2147483647)
    RETURNING key_id"""
_FORGET = """
    DELETE FROM {usage} WHERE id IN (SELECT id FROM {usage} WHERE day < %s ORDER BY day LIMIT %s)"""


class Call(NamedTuple):
    """What is counted: `day` in days since 1970, UTC."""

    key_id: UUID
    day: int
    method: str
    template: str
    outcome: str


Counts = dict[Call, int]


def add(counts: Mapping[Call, int]) -> Counts:
    """Add `counts` to the rows, in one statement; returns those whose key is locked by somebody now.

    Counts of keys whose rows are gone are dropped, and so are those that the database can never take: the others must
    not wait for them.
    """
    try:
        return _add(counts)
    except (DataError, UnicodeError) as problem:
        if len(counts) == 1:
            # What was counted is from outside: it is not shown.
            logger.error("usage: a count cannot be written, and is dropped (%s)", type(problem).__name__)  # noqa: TRY400
            return {}
    calls = list(counts)
    half = len(calls) // 2
    return {
        call: count
        for part in (calls[:half], calls[half:])
        for call, count in add({call: counts[call] for call in part}).items()
    }


def _add(counts: Mapping[Call, int]) -> Counts:
    calls = list(counts)
    values: dict[str, Any] = {
        "keys": [call.key_id for call in calls],
        "days": [_EPOCH + timedelta(days=call.day) for call in calls],
        "methods": [call.method for call in calls],
        "templates": [call.template for call in calls],
        "outcomes": [call.outcome for call in calls],
        "counts": list(counts.values()),
    }
    with transaction.atomic():
        wait_briefly()
        with connection.cursor() as cursor:
            cursor.execute(_named(_ADD), values)
            added = {key_id for (key_id,) in cursor.fetchall()}
    left = {call.key_id for call in calls} - added
    still_there = (
        set(RestrictedKey.objects.filter(pk__in=left).values_list("pk", flat=True)) if left else set()
    )
    return {call: counts[call] for call in calls if call.key_id in still_there}


def wait_briefly() -> None:
    """Give up in the present transaction rather than wait long for a lock, before anybody is called deadlocked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '500ms', true)")


def forget_old() -> None:
    """Delete counts of days longer ago than KEPT_DAYS."""
    eldest = datetime.now(UTC).date() - timedelta(days=KEPT_DAYS)
    forgotten = _FORGOTTEN_AT_ONCE
    while forgotten == _FORGOTTEN_AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute(_named(_FORGET), [eldest, _FORGOTTEN_AT_ONCE])
            forgotten = cursor.rowcount


def _named(statement: str) -> str:
    quote = connection.ops.quote_name
    return statement.format(keys=quote(RestrictedKey._meta.db_table), usage=quote(KeyUsage._meta.db_table))
