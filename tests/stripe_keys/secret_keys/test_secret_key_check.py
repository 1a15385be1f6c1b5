"""The command that merchants run, in a real shell at a real terminal, asking the simulator with a key made now."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from stripe_keys import secret_key_check
from tests import people
from tests.simulator import SimulatorProcess
from tests.waiting import eventually

PROMPT = "\nPaste the old key, then press Enter.\r\n"

ECHOES = " echo echoe "  # as `stty -a` says it


class Terminal:
    """Somebody's shell, interactive, with a history of its own. What it shows is `shown`."""

    def __init__(self, home: Path, *command: str) -> None:
        self.history = home / "history"
        self.shown = ""
        self.pid, self.screen = pty.fork()
        if self.pid == 0:  # pragma: no cover  # another process
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "HISTFILE": str(self.history),
                "PS1": "ready> ",
                # What an unlucky shell may hand on.
                "k": "", "a": "200",
            }  # fmt: skip
            # Whoever started the tests in the background has them ignore it, and what they start.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(f"/bin/{command[0]}", command, environment)  # noqa: S606

    def type(self, text: str) -> None:
        os.write(self.screen, f"{text}\n".encode())

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Read on until `text` was shown so many times."""
        end = time.monotonic() + 15
        while self.shown.count(text) < times:
            ready, _, _ = select.select([self.screen], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"Never shown: {text!r}"
            self.shown += os.read(self.screen, 65536).decode("utf-8", "replace")

    def is_back_after_an_interruption(self) -> bool:
        """Press Ctrl-C, as often as it takes: the first may come before the command has begun to read.

        Each throws away what was shown and not read yet, so the shell is given time to show that it is back.
        """
        os.write(self.screen, b"\x03")
        end = time.monotonic() + 2
        while not (is_back := self.shown.count("ready> ") > 1):
            if not select.select([self.screen], [], [], max(0.0, end - time.monotonic()))[0]:
                break
            self.shown += os.read(self.screen, 65536).decode("utf-8", "replace")
        return is_back

    def leave(self) -> None:
        """Say goodbye, so that the shell writes its history down."""
        self.type("exit")
        eventually(self.history.exists)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.screen)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A shell of its own, ended afterwards."""
    shell = Terminal(tmp_path, "bash", "--norc", "--noprofile", "-i")
    shell.wait_for("ready> ")
    yield shell
    shell.end()


def what_it_prints(key: str, *, shell: str = "sh") -> str:
    """The command's word for `key`, which goes in by a pipe."""
    done = subprocess.run(
        [shell, "-c", secret_key_check.command()],
        input=f"{key}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert len(key) < 20 or key not in done.stdout + done.stderr
    return done.stdout


def everything_about_processes() -> str:
    """Arguments and environment of every process of ours."""
    found = b""
    for process in Path("/proc").iterdir():
        for part in ("cmdline", "environ"):
            try:
                found += (process / part).read_bytes()
            except OSError:
                continue
    return found.decode("utf-8", "replace")


@pytest.fixture
def theirs(simulator: SimulatorProcess, settings: Settings) -> tuple[str, str]:
    """Id and text of a secret key that works at Stripe."""
    settings.STRIPE_API_BASE = simulator.base_url
    made = simulator.admin.create_key(simulator.admin.create_account(), kind="secret", livemode=True)
    assert made["token"].startswith("sk_live_")
    return str(made["id"]), str(made["token"])


def test_key_is_read_at_the_terminal_and_found_nowhere_afterwards(
    simulator: SimulatorProcess, theirs: tuple[str, str], terminal: Terminal
) -> None:
    key_id, key = theirs
    simulator.admin.add_fault("slow", path="/v1/balance", seconds=1, times=1)

    terminal.type(secret_key_check.command())
    terminal.wait_for(PROMPT)
    terminal.type(key)
    eventually(lambda: "\0-K\0" in everything_about_processes())  # curl waits for Stripe
    seen_meanwhile = everything_about_processes()
    terminal.wait_for("\nalive\r\nready> ")
    simulator.admin.expire_key(key_id, lag=0)
    terminal.type(secret_key_check.command())
    terminal.wait_for(PROMPT, times=2)
    terminal.type(key)
    terminal.wait_for("\ndead\r\nready> ")
    terminal.type("stty -a")
    terminal.wait_for(ECHOES)
    terminal.leave()

    assert secret_key_check.command() in terminal.history.read_text()
    parts = {key[start : start + 12] for start in range(8, len(key) - 12, 4)}
    for place in (seen_meanwhile, terminal.shown, terminal.history.read_text()):
        assert not [part for part in parts if part in place]


def test_terminal_shows_again_what_is_typed_after_an_interruption(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "sh", "-i")  # bash would mend the terminal itself
    terminal.wait_for("ready> ")
    terminal.type(secret_key_check.command())
    terminal.wait_for(PROMPT)
    eventually(terminal.is_back_after_an_interruption, timeout=30)
    terminal.type("stty -a")

    terminal.wait_for(ECHOES)
    terminal.end()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_without_a_network_it_is_unclear(settings: Settings, shell: str) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert what_it_prints(people.a_secret_key(livemode=True), shell=shell) == "unclear, try again\n"


@pytest.mark.parametrize("fault", ["error", "rate_limit", "reset"])
def test_what_is_no_answer_is_unclear(
    simulator: SimulatorProcess, theirs: tuple[str, str], fault: str
) -> None:
    simulator.admin.add_fault(fault, path="/v1/balance", key=theirs[0])

    assert what_it_prints(theirs[1]) == "unclear, try again\n"


def test_key_that_stripe_refuses_only_from_here_is_alive(
    simulator: SimulatorProcess, theirs: tuple[str, str]
) -> None:
    simulator.admin.change_key(theirs[0], ip_allowlist=["203.0.113.7"])

    assert what_it_prints(theirs[1]) == "alive\n"


def test_key_that_was_deleted_is_dead(settings: Settings, theirs: tuple[str, str]) -> None:
    assert what_it_prints(people.a_secret_key(livemode=True)) == "dead\n"


@pytest.mark.parametrize("text", ["", "nonsense", "rk_live_1", 'sk_live_1" -o x', "sk_live_1\\n"], ids=ascii)
def test_what_is_no_secret_key_is_not_asked_about(
    simulator: SimulatorProcess, theirs: tuple[str, str], text: str
) -> None:
    before = len(simulator.admin.requests(path="/v1/balance"))

    assert what_it_prints(text) == "unclear, try again\n"
    assert len(simulator.admin.requests(path="/v1/balance")) == before


def test_pieces_make_up_the_command_and_hold_no_quote_that_would_end_it() -> None:
    inside = secret_key_check.command().removeprefix("sh -c '").removesuffix("'")

    assert inside == " ".join(piece.text for piece in secret_key_check.pieces())
    assert "'" not in inside
    assert "\n" not in inside


@pytest.mark.parametrize(
    "base", ["http://a'; id; '", 'http://a" -o x "', "http://$(id)", "http://a`id`", "http://a b"]
)
def test_address_that_a_shell_would_run_is_in_no_command(settings: Settings, base: str) -> None:
    settings.STRIPE_API_BASE = base

    with pytest.raises(ImproperlyConfigured):
        secret_key_check.command()
