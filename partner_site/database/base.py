"""A connection from the pool is proven alive without a round trip: by its socket, on which nothing may wait.

Whoever ends a connection (a restart, a crash, an administrator) leaves a farewell or an end of file on it. Only one
that has lain idle for long is asked with an empty statement, as Django's own health check asks each time: a firewall
may have forgotten it, and leaves nothing. What ends between look and use raises, as it does right after an answer.
"""

import select
import time
from typing import Any, ClassVar

import psycopg
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

from partner_site.database import answers

ASKED_AFTER_SECONDS = 20.0
HOPELESS_SECONDS = 1.0
RECONNECT_SECONDS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Give it no CONN_HEALTH_CHECKS: those would ask each time after all."""

    _gave_up_at: ClassVar[dict[str, float]] = {}

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        if pool_options := settings_dict["OPTIONS"].get("pool"):
            pool_options.setdefault("connection_class", answers.BoundedConnection)
            # By itself a pool tries ever later, and nobody gets a connection meanwhile, though the server be back.
            pool_options.setdefault("reconnect_timeout", RECONNECT_SECONDS)
        super().__init__(settings_dict, alias)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that is alive; the pool replaces those that are not, and bounds how long that may take.

        Where somebody has just waited in vain, others do not wait as well: they would keep threads busy, and whoever
        stands behind those waits once more.
        """
        if self._is_hopeless():
            raise PoolTimeout("Somebody has just waited for a connection in vain.")
        end = time.monotonic() + self.pool.timeout if self.pool else 0.0
        while True:
            if not answers.silence.may_try():
                raise answers.Unanswered("The database has just not answered somebody else.")
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                self._gave_up_at[self.alias] = time.monotonic()
                if answers.limit():
                    answers.silence.arise()
                raise
            if not self.pool or is_alive(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)
            if time.monotonic() > end:
                self._gave_up_at[self.alias] = time.monotonic()
                raise PoolTimeout("Every connection had ended before it was used.")

    @classmethod
    def forget_vain_waits(cls) -> None:
        """Let everybody try anew, as in a new process."""
        cls._gave_up_at.clear()

    def _is_hopeless(self) -> bool:
        gave_up_at = self._gave_up_at.get(self.alias, float("-inf"))
        if not self.pool or time.monotonic() - gave_up_at > HOPELESS_SECONDS:
            return False
        return not self.pool.get_stats().get("pool_available")


def is_alive(connection: Any, *, asked_after: float = ASKED_AFTER_SECONDS) -> bool:
    """Whether nothing tells that the connection has ended; it is asked if nobody did or used it for long."""
    if connection.closed or _something_waits_on(connection.fileno()):
        return False
    idle_since = getattr(connection, "looked_at", None)
    connection.looked_at = time.monotonic()
    if (
        idle_since is None or connection.looked_at - idle_since < asked_after
    ):  # a new one has just been answered
        return True
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True


def _something_waits_on(file_descriptor: int) -> bool:
    """An idle connection is silent: PostgreSQL speaks unasked only to say goodbye (or that a parameter was changed)."""
    look = select.poll()
    look.register(file_descriptor, select.POLLIN)
    return bool(look.poll(0))
