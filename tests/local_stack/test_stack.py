"""The whole site as real processes: all of them answer, come back when killed, and are gone at the end."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_stack.lifetimes import wait_until
from local_stack.ports import LOOPBACK, free_ports
from local_stack.problems import StackError
from local_stack.processes import PROCESSES, SERVERS, Stack
from local_stack.programs import get, get_json

pytestmark = pytest.mark.processes


def our_children() -> set[psutil.Process]:
    """The processes we started ourselves: not those below them, which PostgreSQL starts and ends as it likes."""
    return set(psutil.Process().children())


def ledger_of(stack: Stack) -> Path:
    """The file of its deletion ledger."""
    return Path(stack.environment["DELETION_LEDGER"])


@pytest.fixture(scope="module")
def running(ground_of_the_file: Path) -> Iterator[Stack]:
    """A running stack of our own, not the stage. Once it is stopped, no process of it is left."""
    before = our_children()
    with Stack(ground_of_the_file, ports=free_ports()) as stack:
        ledger = ledger_of(stack)
        # Before anybody ends a process: what a worker was at then waits until it is known to be silent.
        assert wait_until(lambda: ledger.exists() and '"kind":"mark"' in ledger.read_text(), seconds=20)
        yield stack
        new = our_children() - before
        started = [*new, *(below for child in new for below in child.children(recursive=True))]
    assert len(started) >= 7
    assert [process for process in started if process.is_running()] == []


def test_every_process_answers(running: Stack) -> None:
    assert get(running.ports.site, "/healthz")[0] == 200
    assert get_json(running.ports.simulator, "/_simulator/health") == {"ok": True}
    assert running.mails() == []
    assert all(running.pid(name) for name in (*PROCESSES, *SERVERS))
    assert "alive" in running.manage("worker_health")
    running.check()


def test_a_worker_writes_the_deletion_ledger_where_only_the_owner_can_read_it(running: Stack) -> None:
    path = ledger_of(running)

    assert path.parent == running.folder
    assert '"kind":"mark"' in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_the_owner_can_read_what_a_stack_writes(running: Stack) -> None:
    assert (running.folder / "simulator.json").stat().st_mode & 0o777 == 0o600
    assert running.logs.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_a_log_or_on_a_command_line(running: Stack) -> None:
    kept_secret = [
        value
        for name, value in running.environment.items()
        if "SECRET" in name or "PLATFORM_KEY" in name or name.endswith("_KEYS")
    ]
    logs = "".join(path.read_text(errors="replace") for path in running.logs.iterdir())
    lines = " ".join(" ".join(psutil.Process(running.pid(name)).cmdline()) for name in (*PROCESSES, *SERVERS))

    assert len(kept_secret) >= 6
    assert [value for value in kept_secret if value in logs or value in lines] == []


@pytest.mark.parametrize("name", ["worker", "web", "mail"])
def test_a_killed_process_comes_back(running: Stack, name: str) -> None:
    before = running.pid(name)

    running.kill(name, signal.SIGKILL)
    running.wait_until_ready(name)

    assert running.pid(name) not in {0, before}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_restarts_at_the_same_address(running: Stack, name: str) -> None:
    address, before = running.servers.database_url, running.pid(name)

    running.restart(name)

    assert running.pid(name) not in {0, before}
    assert running.servers.database_url == address


def test_a_killed_server_is_told_with_the_place_of_its_log(running: Stack) -> None:
    running.kill("redis")
    assert wait_until(lambda: running.pid("redis") == 0, seconds=5)

    with pytest.raises(StackError, match=rf"^Redis has ended by itself\. .*{running.log_of('redis')}"):
        running.check()

    running.start_process("redis")
    running.check()


def test_a_stopped_process_stays_down_until_it_is_started(running: Stack) -> None:
    running.stop_process("worker")
    assert running.pid("worker") == 0

    running.start_process("worker")

    assert running.pid("worker")


def test_a_failing_command_is_one_sentence(running: Stack) -> None:
    with pytest.raises(StackError, match=r"^`manage\.py no_such_command` failed\. The end of its log"):
        running.manage("no_such_command")


def test_a_taken_port_is_one_sentence_and_starts_nothing(tmp_path: Path) -> None:
    ports = free_ports()
    before = our_children()
    with socket.socket() as taken:
        taken.bind((LOOPBACK, ports.simulator))
        taken.listen()

        with pytest.raises(
            StackError, match=rf"^Port {ports.simulator} is in use, and the local Stripe needs it"
        ):
            Stack(tmp_path, ports=ports).start()

    assert our_children() <= before


def test_a_process_that_cannot_start_is_one_sentence_and_everything_ends(ground: Path) -> None:
    before = our_children()

    with pytest.raises(StackError, match=r"^The process `simulator` has ended by itself\. .*simulator\.log"):
        Stack(ground, ports=free_ports(), simulator={"error_wording": "poetic"}).start()

    assert our_children() <= before
