"""The database's own account of what became of events: a trigger of the drills' writes down each end of each event."""

from dataclasses import dataclass
from typing import Any

import psycopg

_SET_UP = """
    CREATE TABLE IF NOT EXISTS drill_ends (
        event_id text NOT NULL, fence integer NOT NULL, state text NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX IF NOT EXISTS drill_ends_by_event ON drill_ends (event_id);
    CREATE OR REPLACE FUNCTION drill_note_end() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO drill_ends VALUES (NEW.event_id, NEW.fence, NEW.state, clock_timestamp());
            RETURN NULL;
        END $$;
    CREATE OR REPLACE TRIGGER drill_ends AFTER UPDATE ON webhooks_eventnotification FOR EACH ROW
        WHEN (NEW.state IN ('done', 'dead') AND (OLD.state <> NEW.state
              OR OLD.fence <> NEW.fence OR OLD.finished_at IS DISTINCT FROM NEW.finished_at))
        EXECUTE FUNCTION drill_note_end();"""

# The lines that events write into a key's history name Stripe and move nothing.
_LINES = """
    SELECT key_id::text, reason, count(*) FROM stripe_keys_statuschange
    WHERE actor = 'Stripe' AND from_status = to_status AND key_id = ANY(%s::uuid[]) GROUP BY 1, 2"""


@dataclass(frozen=True)
class Row:
    """What the table says of an event, and how often it was written to its end."""

    state: str
    outcome: str
    ends: int
    waited: float
    problem: str = ""


class Audit:
    """Reads the database beside the site, over connections of its own."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def set_up(self) -> None:
        """Have each end of each event written down from now on, in the transaction that ends it."""
        self.rows(_SET_UP)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self._url, autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def open_events(self) -> int | None:
        """How many events have not ended; None while the database is away."""
        try:
            [(count,)] = self.rows(
                "SELECT count(*) FROM webhooks_eventnotification WHERE state IN ('waiting', 'claimed')"
            )
        except psycopg.OperationalError:
            return None
        return int(count)

    def events(self, ids: list[str]) -> dict[str, Row]:
        """By id, what became of those events that are in the table; a replay's first end counts as an end."""
        found = self.rows(
            "SELECT e.event_id, e.state, e.outcome,"
            " (SELECT count(*) FROM drill_ends d WHERE d.event_id = e.event_id AND d.state = 'done'),"
            " extract(epoch FROM e.finished_at - e.created_at)::float8, e.problem"
            " FROM webhooks_eventnotification e WHERE e.event_id = ANY(%s)",
            ids,
        )
        return {row[0]: Row(row[1], row[2], row[3], row[4] or 0.0, row[5]) for row in found}

    def last_end(self, ids: list[str]) -> float:
        """When the last of them ended, in seconds since 1970."""
        [(at,)] = self.rows(
            "SELECT coalesce(extract(epoch FROM max(at)), 0)::float8 FROM drill_ends WHERE event_id = ANY(%s)",
            ids,
        )
        return float(at)

    def history(self, keys: list[str]) -> dict[tuple[str, str], int]:
        """By key and sentence, how often its history says what an event has told."""
        return {(key, reason): count for key, reason, count in self.rows(_LINES, keys)}

    def notices(self, *, kind: str) -> dict[str, int]:
        """By the beginning that names kind and key, how many mails of that kind there are to be sent."""
        found = self.rows(
            "SELECT split_part(dedupe_key, ':', 2), count(*) FROM accounts_notice"
            " WHERE dedupe_key LIKE %s GROUP BY 1",
            f"{kind}:%",
        )
        return dict(found)
