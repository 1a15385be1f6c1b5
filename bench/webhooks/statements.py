"""How many statements PostgreSQL is sent per delivery, counted in its own log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from bench.webhooks import deliveries
from bench.webhooks.contenders import Door
from bench.webhooks.sizes import CLIENTS

_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): *(?:\n\t\s*)?(.*)")


def per_delivery(door: Door, log: Path, *, count: int) -> tuple[float, list[str]]:
    """Statements for each of `count` deliveries, and the beginnings of the different ones."""
    with _logged():
        door.take(deliveries.snapshots(2 * CLIENTS, ["acct_1Statements00"]))  # every session has heard of it
        after = log.stat().st_size
        door.take(deliveries.snapshots(count, ["acct_1Statements00"]))
        with log.open(errors="replace") as file:
            file.seek(after)
            found = found_in(file.read())
    return len(found) / count, sorted({" ".join(text.split()[:3]) or "(empty)" for text in found})


def found_in(log: str) -> list[str]:
    """The first line of every statement that was logged; empty for an empty statement."""
    return [str(text) for text in _STATEMENT.findall(log)]


@contextmanager
def _logged() -> Iterator[None]:
    _have_logged("all")
    try:
        yield
    finally:
        _have_logged("none")


def _have_logged(what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM SET log_statement = '{what}'")
        cursor.execute("SELECT pg_reload_conf()")
