"""That a signing secret was seen at work: written down by its name alone."""

import time
from datetime import datetime

from django.db import connection

from webhooks.models import SigningSecretUse

_AT_MOST_EVERY_SECONDS = 60.0
_UPSERT = """
    INSERT INTO {table} AS known (name, first_seen_at, last_seen_at) VALUES (%(name)s, %(first)s, %(last)s)
    ON CONFLICT (name) DO UPDATE SET
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)"""
_noted: dict[str, float] = {}


def note_seen(name: str, *, first: datetime, last: datetime) -> None:
    """Write down that deliveries signed with that secret came between these moments; in any order, and again."""
    table = connection.ops.quote_name(SigningSecretUse._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT.format(table=table), {"name": name, "first": first, "last": last})


def note_seen_again(name: str, *, now: datetime) -> None:
    """The same for a delivery that leaves no row of its own, at most once a minute in each process."""
    if time.monotonic() - _noted.get(name, float("-inf")) < _AT_MOST_EVERY_SECONDS:
        return
    _noted[name] = time.monotonic()
    note_seen(name, first=now, last=now)
