"""A process whose threads share few connections to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def connections_in_the_pool(most: int) -> Iterator[None]:
    """Within the block this process has that many connections to the database at most, the test's own among them."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
    pool: Any = connection.pool  # type: ignore[attr-defined]
    before = pool.min_size, pool.max_size
    pool.resize(1, most)
    try:
        yield
    finally:
        pool.resize(*before)
