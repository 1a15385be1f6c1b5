"""How long a process waits for what it asked the database, and who still asks one that says nothing.

A PostgreSQL that is frozen, or lies behind a network that swallows everything, keeps its connections and is silent; its
own time limits stand still with it, and its kernel goes on acknowledging. So the limit is ours. Web processes have one,
workers and commands wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import psycopg
from psycopg import errors

from work.doubt import Doubt

# More than DATABASE_LOCK_WAIT of the web server, so that who waits for a lock hears that from PostgreSQL.
WEB_SECONDS = 2.5


class Unanswered(psycopg.OperationalError):
    """The database did not answer in time, or has just not answered somebody else."""


silence = Doubt(one_each=WEB_SECONDS)
_limit: float | None = None
_mine = local()


def wait_at_most(seconds: float | None) -> None:
    """From now on every thread of this process gives an answer up after so long; None: after no time at all."""
    global _limit  # noqa: PLW0603 - a property of the process
    _limit = seconds
    silence.end()


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let this thread wait longer, where this process has a limit: for pages that count everything there is."""
    _mine.limit = seconds
    try:
        yield
    finally:
        _mine.limit = None


def limit() -> float | None:
    """How long this thread waits for an answer."""
    return _limit and (getattr(_mine, "limit", None) or _limit)


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer on it does not come in time."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What psycopg lets every statement go through."""
        ours = limit()
        if ours is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            answer = super().wait(gen, interval, ours)
        except errors._WaitTimeout:
            self.pgconn.finish()  # whatever is still to come would be taken for the answer to something else
            silence.arise()
            raise Unanswered("The database did not answer in time.") from None
        silence.end()
        return answer
