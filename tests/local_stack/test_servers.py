"""PostgreSQL and Redis on a machine that has neither."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from local_stack.folders import PROJECT
from local_stack.lifetimes import end_orphan, wait_until
from local_stack.problems import StackError
from local_stack.redis_server import with_database
from local_stack.servers import Servers, ThrowAwayServers

pytestmark = pytest.mark.processes


@pytest.fixture
def servers(ground: Path) -> Iterator[ThrowAwayServers]:
    """Running throw-away servers."""
    with ThrowAwayServers(environment={}, runs=ground) as running:
        yield running


def test_both_answer_once_started(servers: ThrowAwayServers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        limit = connection.execute("SHOW max_connections").fetchone()
    client = redis.Redis.from_url(servers.redis_url)

    assert limit == ("200",)
    assert client.ping()
    client.close()


def test_what_was_committed_outlives_the_process_though_it_ends_at_once(servers: ThrowAwayServers) -> None:
    assert servers.postgres
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")

        servers.postgres.stop()
    servers.postgres.start()

    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_what_a_failing_statement_holds_is_not_logged(servers: ThrowAwayServers) -> None:
    assert servers.postgres

    with psycopg.connect(servers.database_url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT 'the body of an event' FROM missing")

    assert 'relation "missing" does not exist' in servers.postgres.log.read_text()
    assert "the body" not in servers.postgres.log.read_text()


def test_neither_opens_to_a_stranger(servers: ThrowAwayServers) -> None:
    assert servers.postgres
    assert servers.redis

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgres://postgres:guess@127.0.0.1:{servers.postgres.port}/site")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=servers.redis.port).ping()


def test_nothing_is_started_where_addresses_are_given(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://somebody@db/site", "REDIS_URL": "redis://elsewhere/3"}

    with Servers(tmp_path, durable=False, environment=given) as servers:
        assert (servers.postgres, servers.redis) == (None, None)
        assert servers.database_url == given["DATABASE_URL"]
        assert servers.redis_url == given["REDIS_URL"]


def test_an_address_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgres://somebody@db/site\n")
    given = {"DATABASE_URL_FILE": str(tmp_path / "address"), "REDIS_URL": "redis://elsewhere/3"}

    servers = Servers(tmp_path, durable=False, environment=given)

    assert servers.database_url == "postgres://somebody@db/site"


def test_a_missing_address_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^DATABASE_URL_FILE names /nowhere, which cannot be read"):
        Servers(tmp_path, durable=False, environment={"DATABASE_URL_FILE": "/nowhere"})


def test_a_stop_leaves_no_process_and_no_folder(ground: Path) -> None:
    servers = ThrowAwayServers(environment={}, runs=ground)
    servers.start()
    assert servers.postgres
    assert servers.redis
    pids = [server.process.pid for server in (servers.postgres, servers.redis) if server.process]

    servers.stop()

    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert list(ground.iterdir()) == []


def test_a_killed_run_takes_its_servers_along_and_the_next_one_tidies_up(ground: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from local_stack.servers import ThrowAwayServers
servers = ThrowAwayServers(environment={}, runs=Path(sys.argv[1]))
servers.start()
print(servers.postgres.process.pid, servers.redis.process.pid, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen(
        [sys.executable, "-c", script, str(ground)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    pids = [int(pid) for pid in run.stdout.readline().split()]
    run.stdout.close()
    assert len(pids) == 2

    run.kill()
    run.wait()

    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), seconds=10)
    with ThrowAwayServers(environment={"DATABASE_URL": "x", "REDIS_URL": "y"}, runs=ground) as next_run:
        assert list(ground.iterdir()) == [next_run.folder]


def test_a_run_leaves_the_folder_of_another_living_run_alone(ground: Path, servers: ThrowAwayServers) -> None:
    with ThrowAwayServers(environment={"DATABASE_URL": "x", "REDIS_URL": "y"}, runs=ground):
        assert servers.folder.exists()


def test_a_durable_server_keeps_its_data_over_a_stop(ground: Path) -> None:
    with Servers(ground, durable=True, environment={}) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        client = redis.Redis.from_url(servers.redis_url)
        client.set("kept", "yes")
        client.close()

    with Servers(ground, durable=True, environment={}) as servers:
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        client = redis.Redis.from_url(servers.redis_url)
        assert client.get("kept") == b"yes"
        client.close()


def test_a_server_that_cannot_start_is_one_sentence_with_its_log(ground: Path) -> None:
    data = ground / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9.6\n")
    (ground / "postgres" / "password").write_text("x")

    with pytest.raises(StackError, match=r"^PostgreSQL has ended by itself\. .*postgres\.log"):
        Servers(ground, durable=True, environment={}).start()


def test_each_worker_of_a_test_run_gets_its_own_redis_database() -> None:
    assert with_database("redis://:secret@127.0.0.1:6379/0", 3) == "redis://:secret@127.0.0.1:6379/3"
    assert with_database("redis://127.0.0.1:6379", 2) == "redis://127.0.0.1:6379/2"


def test_a_process_id_that_was_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))

    end_orphan(tmp_path / "pid", marker="a program that we are not")

    assert signal.getsignal(signal.SIGINT) is not None  # still here


def test_this_very_test_run_has_its_environment() -> None:
    assert os.environ["SITE_ENVIRONMENT"] == "test"
    assert len(os.environ["SECRET_KEY"]) >= 50
