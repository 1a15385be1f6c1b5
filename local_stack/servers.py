"""PostgreSQL and Redis together: those of DATABASE_URL and REDIS_URL, and real local ones for what is not given."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

from local_stack.folders import LOCAL
from local_stack.postgres import PostgresServer
from local_stack.problems import StackError
from local_stack.redis_server import RedisServer


class Servers:
    """Start what the environment does not give; a context manager. Afterwards `database_url` and `redis_url` answer.

    `folder` holds their data (`postgres/`, `redis/`). `durable` keeps data over a crash and a restart; otherwise both
    run in their fastest, forgetful way. `memory` is PostgreSQL's. `environment` is looked at for DATABASE_URL and
    REDIS_URL: what is given there is used as it is and nothing is started for it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool,
        environment: Mapping[str, str],
        logs: Path | None = None,
        memory: str = "64MB",
    ) -> None:
        self.folder = folder
        self.logs = logs or folder / "logs"
        given = {name: _given(environment, name) for name in ("DATABASE_URL", "REDIS_URL")}
        self._given = given
        self.postgres = (
            None
            if given["DATABASE_URL"]
            else PostgresServer(folder / "postgres", logs=self.logs, durable=durable, memory=memory)
        )
        self.redis = (
            None if given["REDIS_URL"] else RedisServer(folder / "redis", logs=self.logs, durable=durable)
        )

    @property
    def database_url(self) -> str:
        """The PostgreSQL address to use."""
        return self.postgres.url if self.postgres else self._given["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        """The Redis address to use."""
        return self.redis.url if self.redis else self._given["REDIS_URL"]

    def start(self) -> None:
        """Start both; when one cannot start, the other is stopped again and StackError says why."""
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            if self.postgres:
                self.postgres.start()
            if self.redis:
                self.redis.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what was started; harmless when called twice."""
        if self.redis:
            self.redis.stop()
        if self.postgres:
            self.postgres.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class ThrowAwayServers(Servers):
    """Servers for one test run, in a folder of their own that is gone afterwards.

    Runs never share a server, so any number of them may go on at once. A run that was killed leaves its folder behind;
    the next run removes it (its servers ended with it, see `lifetimes.start_child`).
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        runs: Path = LOCAL / "test",
        durable: bool = False,
        memory: str = "64MB",
    ) -> None:
        runs.mkdir(parents=True, exist_ok=True)
        _remove_dead_runs(runs)
        folder = runs / f"run-{secrets.token_hex(4)}"
        folder.mkdir()
        self._lock: IO[str] = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        super().__init__(folder, durable=durable, environment=environment, memory=memory)

    def stop(self) -> None:
        super().stop()
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_dead_runs(runs: Path) -> None:
    for lock_path in runs.glob("run-*/lock"):
        try:
            with lock_path.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock_path.parent, ignore_errors=True)
        except OSError:
            continue  # its owner is alive, or somebody else is removing it


def _given(environment: Mapping[str, str], name: str) -> str:
    """The value of NAME, or what the file named by NAME_FILE holds; empty when neither is set."""
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise StackError(
            f"{name}_FILE names {path}, which cannot be read ({os.strerror(error.errno or 0)})."
        ) from None
