"""Makes `pytest` alone enough: PostgreSQL, Redis and a full environment are there before Django reads its settings.

The servers of DATABASE_URL and REDIS_URL are used where those are set; otherwise throw-away ones run as long as the
tests do. Workers of pytest-xdist share them: each has its own test database (by pytest-django) and its own Redis
database.
"""

import atexit
import os
from collections.abc import Generator

import pytest

from local_stack.environment import Addresses, fresh_secrets, site_environment
from local_stack.problems import StackError
from local_stack.redis_server import with_database
from local_stack.servers import ThrowAwayServers

SITE_URL = "http://127.0.0.1:8000"
# Nothing listens here: a test that wants Stripe starts a simulator and points the settings at it.
NO_STRIPE = "http://127.0.0.1:9"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Runs around pytest-django's own hook of this name, hence before it reads the settings."""
    asked = early_config.known_args_namespace
    if not (asked.help or asked.version):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        if worker.startswith("gw"):
            os.environ["REDIS_URL"] = with_database(os.environ["REDIS_URL"], int(worker[2:]) + 1)
        else:
            _prepare(early_config)
    return (yield)


def _prepare(config: pytest.Config) -> None:
    servers = ThrowAwayServers(environment=os.environ)
    atexit.register(servers.stop)
    config.add_cleanup(servers.stop)
    try:
        servers.start()
    except StackError as problem:
        raise pytest.UsageError(str(problem)) from None
    environment = site_environment(
        "test",
        Addresses(
            site=SITE_URL,
            stripe=NO_STRIPE,
            email="smtp://127.0.0.1:9",
            database=servers.database_url,
            redis=servers.redis_url,
        ),
        fresh_secrets(),
    )
    for name, value in environment.items():
        os.environ.pop(f"{name}_FILE", None)  # it would win over the value
        os.environ[name] = value
