"""The connections to the database that the threads of a process share, and the one that its pulse has for itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.utils import load_backend


def connection_to_pool() -> None:
    """Let others have this thread's connection to the database while it waits for somebody outside.

    There are fewer connections than threads: whoever kept one while waiting would keep others from their work. Inside a
    transaction nothing happens.
    """
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def own_connection() -> Iterator[None]:
    """Within the block this thread has a connection that is not of the pool, so that no shortage there stops it.

    It is asked before it is used, and is not closed between uses.
    """
    pooled = connections[DEFAULT_DB_ALIAS]
    pooled.close()
    options = {name: value for name, value in pooled.settings_dict["OPTIONS"].items() if name != "pool"}
    its_settings = {
        **pooled.settings_dict,
        "OPTIONS": options,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
    own = load_backend(its_settings["ENGINE"]).DatabaseWrapper(its_settings, DEFAULT_DB_ALIAS)
    connections[DEFAULT_DB_ALIAS] = own
    try:
        yield
    finally:
        own.close()
        connections[DEFAULT_DB_ALIAS] = pooled
