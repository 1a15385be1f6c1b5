"""More processes of the site beside the stack's own: workers and web servers, each as a drill wants it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from local_stack.folders import PROJECT
from local_stack.lifetimes import start_child
from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Stack
from local_stack.programs import get
from tests.waiting import eventually

_LOOK_SECONDS = 0.1


class Hand:
    """One process of the crew, and those that took its place."""

    def __init__(self, begin: Callable[[], subprocess.Popen[bytes]], log: Path, *, keep: bool) -> None:
        self._begin = begin
        self.keep = keep
        self.log = log
        self.ended_with: list[int] = []
        self.process = begin()

    @property
    def pid(self) -> int:
        """Its process id; also that of its group."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; harmless when it has just ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def said(self, words: str, *, after: int = 0) -> bool:
        """Whether it has printed these words, beyond byte `after` of its log."""
        return words in self.log.read_bytes()[after:].decode("utf-8", "replace")

    def look(self) -> None:
        """Note an end; start the next one if this one is to be kept running."""
        ended_with = self.process.poll()
        if ended_with is not None and self.keep:
            self.ended_with.append(ended_with)
            self.process = self._begin()

    def end(self) -> None:
        """Kill it for good."""
        self.keep = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()


class Crew:
    """Starts them, and starts those that are kept again as a supervisor would; `close()` ends all."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._hands: list[Hand] = []
        self._started = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watch = threading.Thread(target=self._keep, name="crew", daemon=True)
        self._watch.start()

    def worker(
        self, app: str = "partner_site", *options: str, keep: bool = False, **environment: str
    ) -> Hand:
        """Start a worker of a Celery application and wait until it takes bells, or says that it cannot."""
        name = f"crew{self._started}@%h"
        command = [
            "celery",
            "-A",
            app,
            "worker",
            "-n",
            name,
            "--without-gossip",
            "--without-mingle",
            *options,
        ]
        hand = self._start("worker", command, environment, keep=keep)
        eventually(lambda: hand.said(" ready.") or hand.said("Cannot connect"), timeout=60)
        return hand

    def web(
        self, app: str = "partner_site.wsgi", *, keep: bool = False, **environment: str
    ) -> tuple[Hand, str]:
        """Start a web server and wait until it answers; returns it, and its address."""
        port = free_port()
        command = ["gunicorn", "-c", "partner_site/gunicorn.py", app]
        environment = {**environment, "WEB_BIND": f"{LOOPBACK}:{port}"}
        hand = self._start("web", command, environment, keep=keep)
        eventually(lambda: _answers(port), timeout=60)
        return hand, f"http://{LOOPBACK}:{port}"

    def dismiss(self) -> None:
        """End everybody."""
        with self._lock:
            for hand in self._hands:
                hand.end()
            self._hands.clear()

    def close(self) -> None:
        """End everybody, and the watch."""
        self._closing.set()
        self._watch.join()
        self.dismiss()

    def _start(self, what: str, command: list[str], environment: dict[str, str], *, keep: bool) -> Hand:
        log = self._stack.logs / f"crew-{self._started}-{what}.log"
        self._started += 1
        log.touch()

        def begin() -> subprocess.Popen[bytes]:
            return start_child(
                [sys.executable, "-m", *command],
                log=log,
                cwd=PROJECT,
                environment={**self._stack.environment, **environment},
                end_signal=signal.SIGKILL,
            )

        hand = Hand(begin, log, keep=keep)
        with self._lock:
            self._hands.append(hand)
        return hand

    def _keep(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                for hand in self._hands:
                    hand.look()


def _answers(port: int) -> bool:
    try:
        return get(port, "/healthz")[0] == 200
    except OSError:
        return False
