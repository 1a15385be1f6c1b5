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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack of our own."""
    with Stack(tmp_path_factory.mktemp("stack"), ports=free_ports()) as running:
        yield running


def our_children() -> set[psutil.Process]:
    """The processes we started ourselves: not those below them, which PostgreSQL starts and ends as it likes."""
    return set(psutil.Process().children())


def test_every_process_answers(stack: Stack) -> None:
    assert get(stack.ports.site, "/healthz")[0] == 200
    assert get_json(stack.ports.simulator, "/_simulator/health") == {"ok": True}
    assert stack.mails() == []
    assert all(stack.pid(name) for name in (*PROCESSES, *SERVERS))
    assert "alive" in stack.manage("worker_health")
    stack.check()


def test_a_worker_writes_the_deletion_ledger(stack: Stack) -> None:
    path = Path(stack.environment["DELETION_LEDGER"])

    assert wait_until(lambda: path.exists() and '"kind":"mark"' in path.read_text(), seconds=20)

    assert path.parent == stack.folder
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_the_owner_can_read_what_a_stack_writes(stack: Stack) -> None:
    assert (stack.folder / "simulator.json").stat().st_mode & 0o777 == 0o600
    assert stack.logs.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_a_log_or_on_a_command_line(stack: Stack) -> None:
    kept_secret = [
        value
        for name, value in stack.environment.items()
        if "SECRET" in name or "PLATFORM_KEY" in name or name.endswith("_KEYS")
    ]
    logs = "".join(path.read_text(errors="replace") for path in stack.logs.iterdir())
    lines = " ".join(" ".join(psutil.Process(stack.pid(name)).cmdline()) for name in (*PROCESSES, *SERVERS))

    assert len(kept_secret) >= 6
    assert [value for value in kept_secret if value in logs or value in lines] == []


@pytest.mark.parametrize("name", ["worker", "web", "mail"])
def test_a_killed_process_comes_back(stack: Stack, name: str) -> None:
    before = stack.pid(name)

    stack.kill(name, signal.SIGKILL)
    stack.wait_until_ready(name)

    assert stack.pid(name) not in {0, before}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_restarts_at_the_same_address(stack: Stack, name: str) -> None:
    address, before = stack.servers.database_url, stack.pid(name)

    stack.restart(name)

    assert stack.pid(name) not in {0, before}
    assert stack.servers.database_url == address


def test_a_killed_server_is_told_with_the_place_of_its_log(stack: Stack) -> None:
    stack.kill("redis")
    assert wait_until(lambda: stack.pid("redis") == 0, seconds=5)

    with pytest.raises(StackError, match=rf"^Redis has ended by itself\. .*{stack.log_of('redis')}"):
        stack.check()

    stack.start_process("redis")
    stack.check()


def test_a_stopped_process_stays_down_until_it_is_started(stack: Stack) -> None:
    stack.stop_process("worker")
    assert stack.pid("worker") == 0

    stack.start_process("worker")

    assert stack.pid("worker")


def test_a_failing_command_is_one_sentence(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"^`manage\.py no_such_command` failed\. The end of its log"):
        stack.manage("no_such_command")


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


def test_a_process_that_cannot_start_is_one_sentence_and_everything_ends(tmp_path: Path) -> None:
    before = our_children()

    with pytest.raises(StackError, match=r"^The process `simulator` has ended by itself\. .*simulator\.log"):
        Stack(tmp_path, ports=free_ports(), simulator={"error_wording": "poetic"}).start()

    assert our_children() <= before


def test_a_stopped_stack_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    before = our_children()
    stack = Stack(tmp_path, ports=free_ports())
    stack.start()
    new = our_children() - before
    started = [*new, *(below for child in new for below in child.children(recursive=True))]

    stack.stop()

    assert len(started) >= 7
    assert [process for process in started if process.is_running()] == []
