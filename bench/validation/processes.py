"""Processes of the bench: started, waited for until they say that they are ready, and gone afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.folders import PROJECT
from local_stack.lifetimes import end_child, start_child, wait_until
from local_stack.ports import free_port
from local_stack.problems import StackError, died

START_SECONDS = 60.0


@contextmanager
def running(
    command: Sequence[str], *, log: Path, ready: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block runs; it is ready when its log says so."""
    log.unlink(missing_ok=True)
    process = start_child(command, log=log, cwd=PROJECT, environment={**os.environ, **environment})
    try:

        def is_ready() -> bool:
            if process.poll() is not None:
                raise died(command[2], log)
            return ready in log.read_text()

        if not wait_until(is_ready, seconds=START_SECONDS, every=0.02):
            raise StackError(f"{command[2]} did not begin; its log is {log}.")
        yield process
    finally:
        end_child(process, end_signal=signal.SIGTERM, seconds=30)


@dataclass(frozen=True, slots=True)
class StandIns:
    """Starts stand-ins for Stripe that give the recorded answers."""

    recording: Path

    @contextmanager
    def answering_after(self, milliseconds: float, *, slow_seconds: float = 0.0) -> Iterator[str]:
        """The address of one that answers so late; about accounts marked as slow, after `slow_seconds`."""
        port = free_port()
        command = [sys.executable, "-m", "bench.validation.stand_in", str(self.recording)]
        command += [str(port), str(milliseconds / 1000), str(slow_seconds)]
        with running(command, log=self.recording.with_suffix(f".{port}.log"), ready="ready"):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def worker(*, folder: Path, stripe: str) -> Iterator[None]:
    """A worker process as it runs in production, calling Stripe at that address."""
    command = [sys.executable, "-m", "celery", "-A", "partner_site", "worker"]
    command += ["--without-gossip", "--without-mingle"]
    is_told_by_its_log = {"LOG_LEVEL": "INFO"}
    with running(
        command, log=folder / "worker.log", ready=" ready.", STRIPE_API_BASE=stripe, **is_told_by_its_log
    ):
        yield
