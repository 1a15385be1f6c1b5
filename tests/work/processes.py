"""Real worker processes for the engine's tests: started, frozen, thawed, killed, and gone when a test ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from django.db import connection

from local_stack.folders import PROJECT
from local_stack.lifetimes import start_child


class Worker:
    """One worker process and what it logged."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    def said(self, words: str) -> bool:
        """Whether its log holds the words."""
        return words in self.log.read_text()


class Workers:
    """Starts workers: call it; on leaving the block all of them are killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Worker] = []
        self._kept: dict[str, str] | None = None

    def __call__(self, *, app: str = "tests.work.worker", **environment: str) -> Worker:
        """Start a worker of a Celery application on the test database, with more environment variables."""
        log = self._folder / f"worker-{len(self._started)}.log"
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", app, "worker"]
        process = start_child(
            [*command, "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO", "--without-mingle"],
            log=log,
            cwd=PROJECT,
            environment={
                **os.environ,
                "DATABASE_URL": database_url(),
                **environment,
            },
        )
        self._started.append(Worker(process, log))
        return self._started[-1]

    def keep_one_running(self, **environment: str) -> None:
        """Supervise: start a worker, and another one whenever `restart_what_ended` finds it gone."""
        self._kept = environment
        self(**environment)

    def restart_what_ended(self) -> bool:
        """Start the supervised worker again if it has ended; whether it had."""
        if self._kept is None or not self._started[-1].ended():
            return False
        self(**self._kept)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._started:
            worker.process.kill()
            worker.process.wait()
            sys.stderr.write(worker.log.read_text())  # pytest shows it where a test fails


def database_url() -> str:
    """DATABASE_URL with the test database in place of the real one."""
    given = urlsplit(os.environ["DATABASE_URL"])
    path, _, _ = given.path.rpartition("/")
    return given._replace(path=f"{path}/{connection.settings_dict['NAME']}").geturl()
