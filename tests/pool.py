"""A process whose threads share few connections to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def connections_in_the_pool(most: int, *, waits: float = 20.0) -> Iterator[None]:
    """Within the block this process has that many connections to the database at most, the test's own among them.

    Nobody `waits` longer for one than so many seconds.
    """
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
    pool: Any = connection.pool  # type: ignore[attr-defined]
    before, patience = (pool.min_size, pool.max_size), pool.timeout
    pool.resize(1, most)
    pool.timeout = waits
    try:
        yield
    finally:
        pool.timeout = patience
        pool.resize(*before)
