"""Rotations of the key-encryption key: one in peace, one beside readers and a writer that is killed half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.vault.traffic import READY
from local_stack.folders import PROJECT
from local_stack.lifetimes import end_child, start_child, wait_until
from local_stack.problems import StackError, died
from stripe_keys.models import MerchantDataKey

PATIENCE_SECONDS = 120.0
KILLED_FROM, KILLED_UNTIL = 0.3, 0.7


@dataclass(slots=True)
class Traffic:
    """What the processes beside the rotation did, added up."""

    opened: int = 0
    pasted: int = 0
    failed_opens: Counter[str] = field(default_factory=Counter)
    failed_pastes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: how long it took, and how many rows it moved."""

    seconds: float
    rows: int


class Rewrapping:
    """One run of `manage.py rewrap_data_keys` as a process of its own."""

    def __init__(self, *, old: str, batch: int, folder: Path) -> None:
        self._old = old
        self._log = folder / "rewrap.log"
        self._before = self.left()
        self._began = time.monotonic()
        command = [sys.executable, "manage.py", "rewrap_data_keys", "--batch-size", str(batch)]
        self._process = start_child(command, log=self._log, cwd=PROJECT, environment=os.environ)

    def left(self) -> int:
        """How many rows are still on the old key."""
        return int(MerchantDataKey.objects.filter(kek_id=self._old).count())

    def finish(self) -> Run:
        """Wait for its end; StackError if that is not a good one."""
        try:
            if self._process.wait(PATIENCE_SECONDS) != 0:
                raise died("rewrap_data_keys", self._log)
            return self._so_far()
        finally:
            end_child(self._process, end_signal=signal.SIGKILL, seconds=5)

    def kill_half_way(self) -> Run:
        """kill -9 between 30 % and 70 % of the rows; StackError if that moment was missed."""
        try:
            if not wait_until(self._is_half_way, seconds=PATIENCE_SECONDS, every=0.005):
                raise StackError("rewrap_data_keys did not get half-way.")
            self._process.kill()
            killed = self._process.wait() == -signal.SIGKILL
            run = self._so_far()
        finally:
            end_child(self._process, end_signal=signal.SIGKILL, seconds=5)
        if not killed or not KILLED_FROM <= run.rows / self._before <= KILLED_UNTIL:
            raise StackError(f"rewrap_data_keys was to be killed half-way, and had moved {run.rows} rows.")
        return run

    def _is_half_way(self) -> bool:
        if self._process.poll() is not None:
            raise died("rewrap_data_keys", self._log)
        return self.left() <= (1 - KILLED_FROM) * self._before

    def _so_far(self) -> Run:
        return Run(time.monotonic() - self._began, self._before - self.left())


@contextmanager
def traffic(*, readers: int, folder: Path) -> Iterator[Traffic]:
    """Readers and one writer for as long as the block runs; their tally is complete after it."""
    tally = Traffic()
    kinds = ["open"] * readers + ["paste"]
    processes: list[tuple[str, Path, subprocess.Popen[bytes]]] = []
    try:
        for number, kind in enumerate(kinds):
            log = folder / f"{kind}-{number}.log"
            command = [sys.executable, "-m", "bench.vault.traffic", kind]
            processes.append((kind, log, start_child(command, log=log, cwd=PROJECT, environment=os.environ)))
        for _, log, process in processes:
            if not wait_until(lambda log=log, process=process: _is_at_work(log, process), seconds=60):  # type: ignore[misc]
                raise StackError(f"The traffic did not begin; its log is {log}.")
        yield tally
    finally:
        for _, _, process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        for _, _, process in processes:
            end_child(process, end_signal=signal.SIGTERM, seconds=20)
    for kind, log, _ in processes:
        _add(tally, kind, log)


def _is_at_work(log: Path, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise died("A process of the traffic", log)
    return READY in log.read_text().split()


def _add(tally: Traffic, kind: str, log: Path) -> None:
    try:
        found = json.loads(log.read_text().splitlines()[-1])
    except ValueError:
        raise died("A process of the traffic", log) from None
    if kind == "open":
        tally.opened += found["done"]
        tally.failed_opens.update(found["failed"])
    else:
        tally.pasted += found["done"]
        tally.failed_pastes.update(found["failed"])
