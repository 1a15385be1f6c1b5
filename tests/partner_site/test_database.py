"""Connections of the pool: those that ended while they lay there are noticed without asking those that did not."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from partner_site.database import base
from partner_site.database.base import DatabaseWrapper, is_alive
from tests.drills.proxy import Proxy
from tests.waiting import eventually


def test_site_uses_the_engine_that_looks() -> None:
    assert settings.DATABASES["default"]["ENGINE"] == "partner_site.database"
    assert not settings.DATABASES["default"].get("CONN_HEALTH_CHECKS")


@pytest.mark.django_db(transaction=True, available_apps=["work"])
def test_connections_that_ended_in_the_pool_are_replaced(own: "psycopg.Connection") -> None:
    used_before = _session()
    connection.close()  # to the pool
    own.execute("SELECT pg_terminate_backend(%s, 5000)", [used_before])

    assert _session() != used_before


def test_nobody_waits_where_somebody_has_just_waited_in_vain(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "HOPELESS_SECONDS", 60.0)
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 0, "max_size": 1, "timeout": 0.3}}
    nowhere = DatabaseWrapper({**connection.settings_dict, "PORT": "9", "OPTIONS": options}, "nowhere")
    try:
        assert _seconds_until_it_gives_up(nowhere) >= 0.3
        waited = nowhere.pool.get_stats()["requests_num"]
        with pytest.raises(OperationalError, match="Somebody has just waited"):
            nowhere.ensure_connection()
        assert nowhere.pool.get_stats()["requests_num"] == waited == 1
    finally:
        nowhere.close_pool()


def test_database_that_is_back_is_reached_soon_however_long_it_was_away(db: None) -> None:
    address = "postgres://{HOST}:{PORT}".format(**connection.settings_dict)
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 2, "timeout": 0.3}}
    with Proxy(address) as proxy:
        there = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": str(proxy.port), "OPTIONS": options}
        away = DatabaseWrapper(there, "away")
        try:
            proxy.become("refuse")
            # By itself a pool tries ever later: each of its two connections after 1, 3, 7 and 15 seconds.
            eventually(lambda: not _is_reached(away) and _tries(away) >= 10)

            proxy.become("pass")
            eventually(lambda: _is_reached(away))
        finally:
            away.close_pool()


def _tries(database: DatabaseWrapper) -> int:
    """How often its pool has begun a connection."""
    return int(database.pool.get_stats().get("connections_num", 0))


def _is_reached(database: DatabaseWrapper) -> bool:
    with suppress(OperationalError):
        database.ensure_connection()
        return True
    return False


class _EndedAtOnce(psycopg.Connection[tuple[object, ...]]):
    """A connection on which somebody hung up from its first moment."""

    def fileno(self) -> int:
        """Where nothing will come any more."""
        ear, mouth = os.pipe()
        os.close(mouth)
        _EARS.append(ear)
        return ear


_EARS: list[int] = []


def test_database_that_ends_every_connection_is_given_up_in_time(db: None) -> None:
    pool = {"min_size": 0, "max_size": 1, "timeout": 0.3, "connection_class": _EndedAtOnce}
    options = {**connection.settings_dict["OPTIONS"], "pool": pool}
    ending = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options}, "ending")
    try:
        assert 0.3 <= _seconds_until_it_gives_up(ending) < 3
    finally:
        ending.close_pool()
        while _EARS:
            os.close(_EARS.pop())


def _seconds_until_it_gives_up(database: DatabaseWrapper) -> float:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        database.ensure_connection()
    return time.monotonic() - began


def _session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def own(db: None) -> Iterator["psycopg.Connection"]:
    """A connection beside the pool."""
    parameters = {**connection.get_connection_params(), "autocommit": True}
    with psycopg.connect(**parameters) as made:
        yield made


@pytest.fixture
def looked_at(db: None) -> Iterator["psycopg.Connection"]:
    """Another one, which was used a moment ago."""
    parameters = {**connection.get_connection_params(), "autocommit": True}
    with psycopg.connect(**parameters) as made:
        yield made


def _statements_of(one: "psycopg.Connection", own: "psycopg.Connection") -> str:
    """When the last statement of that session began: it tells two statements apart."""
    asked = "SELECT query_start::text FROM pg_stat_activity WHERE pid = %s"
    return str(own.execute(asked, [one.info.backend_pid]).fetchone())


def test_connection_is_asked_only_after_it_lay_idle_for_long(
    looked_at: "psycopg.Connection", own: "psycopg.Connection"
) -> None:
    looked_at.execute("SELECT 1")
    before = _statements_of(looked_at, own)

    assert is_alive(looked_at)
    assert is_alive(looked_at)
    assert _statements_of(looked_at, own) == before
    assert is_alive(looked_at, asked_after=0)
    assert _statements_of(looked_at, own) != before


def test_ended_connection_is_not_alive(looked_at: "psycopg.Connection", own: "psycopg.Connection") -> None:
    assert is_alive(looked_at)

    own.execute("SELECT pg_terminate_backend(%s, 5000)", [looked_at.info.backend_pid])

    assert not is_alive(looked_at)
    looked_at.close()
    assert not is_alive(looked_at)
