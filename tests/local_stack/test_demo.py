"""`make demo`, as somebody at a terminal meets it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from local_stack import demo
from local_stack.environment import from_lines
from local_stack.folders import PROJECT
from local_stack.lifetimes import wait_until
from local_stack.ports import LOOPBACK, Ports, free_ports
from local_stack.programs import get
from local_stack.totp import PERIOD_SECONDS, totp_code

pytestmark = pytest.mark.processes
PASSWORD = re.compile(r"password +(\S+)")


def verb(folder: Path, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    command = [sys.executable, "-m", "local_stack", "--demo-folder", str(folder), *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def variables(ports: Ports) -> dict[str, str]:
    """The environment of somebody at a terminal who chose these ports, and no server."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    numbers = {Ports.variable_of(name): str(port) for name, port in ports.by_name().items()}
    return {**kept, **numbers}


@contextmanager
def a_demo(folder: Path, ports: Ports) -> Iterator[tuple[psutil.Process, str]]:
    """A running demo and what it has printed until it was ready; killed at the end if it still runs."""
    command = [sys.executable, "-m", "local_stack", "--demo-folder", str(folder), "demo"]
    output = folder.with_suffix(".out")
    with output.open("w") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=variables(ports), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        assert wait_until(
            lambda: "Ctrl-C ends it" in output.read_text() or process.poll() is not None, seconds=60
        )
        assert process.poll() is None, output.read_text()
        yield psutil.Process(process.pid), output.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def assert_metrics_are_told(folder: Path, ports: Ports, printed: str) -> None:
    """What the demo's `/metrics` says, without the token that opens it."""
    told = verb(folder, "demo-metrics", environment=variables(ports)).stdout
    token = from_lines((folder / demo.SECRETS).read_text())["METRICS_TOKEN"]
    assert "due_rows_waiting" in told
    assert token not in printed + told


def test_a_demo_from_first_start_to_reset(ground: Path) -> None:
    folder, ports = ground / "demo", free_ports()
    with a_demo(folder, ports) as (process, printed):
        passwords = PASSWORD.findall(printed)
        secret = from_lines((folder / demo.SECRETS).read_text())["DEMO_OPS_TOTP_SECRET"]
        everything = [process, *process.children(recursive=True)]
        assert f"http://127.0.0.1:{ports.site}/" in printed
        assert (len(passwords), get(ports.site, "/")[0]) == (2, 200)
        assert (folder / demo.SECRETS).stat().st_mode & 0o777 == 0o600

        code = verb(folder, "demo-code", environment=variables(ports))
        assert code.stdout.strip() in {totp_code(secret), totp_code(secret, at=time.time() - PERIOD_SECONDS)}

        assert_metrics_are_told(folder, ports, printed)
        again = verb(folder, "demo", environment=variables(ports))
        assert (again.returncode, again.stdout) == (1, "")
        assert (
            again.stderr
            == f"The demo runs already (process {process.pid}); end it first with Ctrl-C there.\n"
        )

        with psycopg.connect(demo.running_environment(folder)["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert [left for left in everything if left.is_running()] == []

    with a_demo(folder, ports) as (process, printed):
        assert PASSWORD.findall(printed) == passwords
        with psycopg.connect(demo.running_environment(folder)["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        everything = [process, *process.children(recursive=True)]

        process.kill()  # not even this leaves anything behind

        assert wait_until(lambda: not any(left.is_running() for left in everything[1:]), seconds=30)

    assert verb(folder, "demo-reset", environment=variables(ports)).returncode == 0
    assert not folder.exists()


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind((LOOPBACK, ports.site))
        taken.listen()

        ended = verb(tmp_path / "demo", "demo", environment=variables(ports))

    assert ended.returncode == 1
    assert ended.stderr == (
        f"Port {ports.site} is in use, and the site needs it: end what uses it, "
        "or choose another port (make demo PORT=…).\n"
    )


def test_verbs_that_need_a_demo_say_so(tmp_path: Path) -> None:
    for name in ("demo-code", "demo-metrics", "psql"):
        ended = verb(tmp_path / "none", name, environment=variables(Ports()))

        assert ended.returncode == 1
        assert "make demo" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_folder_that_may_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ended = verb(tmp_path / "file" / "demo", "demo", environment=variables(free_ports()))

    assert ended.returncode == 1
    assert ended.stderr == f"{tmp_path / 'file' / 'demo'}: Not a directory.\n"
