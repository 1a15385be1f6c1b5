"""Empties the database after a test whose rows were committed: what Django's `flush` leaves, many times as fast.

`flush` gives every table and index a new file and then has every content type and permission made anew, whatever the
test did. Most tests leave a few rows in a few tables: those are deleted, and nothing else is touched.
"""

from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

# What `flush` itself fills again. As long as they are as it left them they may stay.
FILLED_BY_DJANGO = ("django_content_type", "auth_permission")
# Deleted rows stay in their file. In a file of more bytes than this they would slow down all tests to come.
LARGE = 1024 * 1024

_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


class Emptying:
    """What is known about this process's database since it was last flushed."""

    def __init__(self) -> None:
        self.tables: list[str] = []
        self.filled = ""

    def after(self, case: TransactionTestCase) -> None:
        """Leave the database as `flush` does: rows in `FILLED_BY_DJANGO` alone, and numbers going on."""
        if self.tables and self._is_empty_now():
            return
        _flush(case)
        if case.available_apps is None:
            self._remember()

    def _remember(self) -> None:
        if _ask("SELECT current_setting('is_superuser')") != [("on",)]:
            return  # triggers and foreign keys stay on for everybody else: DELETE would not do
        found = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self.tables = sorted(set(found) - set(FILLED_BY_DJANGO))
        self.filled = _contents()

    def _is_empty_now(self) -> bool:
        """Delete all rows, once nobody is writing any; False, with nothing done, where that would not be enough."""
        with transaction.atomic():
            _do(f"LOCK TABLE {', '.join(self.tables)} IN SHARE ROW EXCLUSIVE MODE")
            found = _ask(" UNION ALL ".join(_look_into(table) for table in self.tables))
            if any(size > LARGE for _, _, size in found) or _contents() != self.filled:
                return False
            # Foreign keys need no look: the rows at their other ends go too.
            deletes = [f"DELETE FROM {table}" for table, has_rows, _ in found if has_rows]  # noqa: S608
            _do("; ".join(["SET LOCAL session_replication_role = replica", *deletes]))
        return True


def _look_into(table: str) -> str:
    return f"SELECT '{table}', EXISTS (SELECT FROM {table}), pg_relation_size('{table}')"  # noqa: S608


def _contents() -> str:
    """What `FILLED_BY_DJANGO` hold, in short."""
    parts = [
        f"(SELECT md5(string_agg(row::text, ',' ORDER BY id)) FROM {table} row)"  # noqa: S608
        for table in FILLED_BY_DJANGO
    ]
    return str(_ask(f"SELECT {', '.join(parts)}"))


def _ask(question: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


def _do(statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements)
