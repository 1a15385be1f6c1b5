"""Whether anybody waits for a lock, for tests in which one is held until somebody does."""

from django.db import connection


def somebody_waits() -> bool:
    """Whether a statement of this database waits for a lock; a worker of the suite beside us has a database of its own.

    Who is connected is remembered within a transaction, so that whoever came later would never be seen.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])
