"""The whole site as real processes: PostgreSQL, Redis, web, worker, the local Stripe and the mail catcher.

`Stack` is what the demo runs, and what journey tests and screenshots run on free ports in a temporary folder:

    with Stack(tmp_path, ports=free_ports()) as stack:
        stack.manage("open_merchant", "--email", "ada@example.com", "--merchant-name", "Ada's Lamps",
                     "--password-env", "ADAS_PASSWORD", environment={"ADAS_PASSWORD": password})
        page.goto(stack.site_url)
        stack.kill("worker", signal.SIGKILL)      # supervisord starts it again
        stack.wait_until_ready("worker")
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil

from local_stack.environment import Addresses, fresh_secrets, site_environment
from local_stack.folders import PROJECT, private_folder
from local_stack.lifetimes import wait_until
from local_stack.ports import LOOPBACK, Ports, is_free
from local_stack.problems import StackError, died, last_lines
from local_stack.programs import answers, get_json, has_begun_to_consume, programs
from local_stack.servers import Servers
from local_stack.simulator_config import write_simulator_config
from local_stack.static_files import collected
from local_stack.supervision import Supervisor

PROCESSES = ("simulator", "mail", "web", "worker")
SERVERS = ("postgres", "redis")
READY_SECONDS = 60.0
COMMAND_SECONDS = 180.0
_ENDING = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
_FROM_THE_MACHINE = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")


class Stack:
    """Every process of the site on this machine, as a context manager; afterwards no process is left.

    - `folder`: everything it writes (data, logs, configuration, sockets); made if missing, readable by its owner alone.
    - `ports`: `free_ports()` in tests; `Ports()` are the demo's.
    - `environment`: variables for the site that win over the stack's own. With DATABASE_URL or REDIS_URL in it, that
      server is used and none is started.
    - `site_secrets`: the values of `environment.fresh_secrets()`; random unless given.
    - `simulator`: entries of the local Stripe's configuration that win, such as `{"expire_lag_seconds": 0.2}`.
    - `durable`: keep the data safe over crashes, and between starts on the same folder; slower.

    The processes are named web, worker, simulator, mail (under supervisord, started again whenever they end by
    themselves) and postgres, redis (started by the stack itself; they stay down when they end). Each logs to
    `stack.log_of(name)`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports,
        environment: Mapping[str, str] | None = None,
        site_secrets: Mapping[str, str] | None = None,
        simulator: Mapping[str, object] | None = None,
        durable: bool = False,
    ) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.ports = ports
        self.site_url = f"http://{LOOPBACK}:{ports.site}"
        self.simulator_url = f"http://{LOOPBACK}:{ports.simulator}"
        self.mail_url = f"http://{LOOPBACK}:{ports.mail}"
        self.servers = Servers(folder, durable=durable, environment=environment or {})
        self._extra = dict(environment or {})
        self._secrets = dict(site_secrets or fresh_secrets())
        self._simulator_changes = dict(simulator or {})
        self._supervisor = Supervisor(
            folder, logs=self.logs, programs=programs(ports, simulator_config=folder / "simulator.json")
        )
        self._log_offsets: dict[str, int] = {}
        self._first_pids: dict[str, int] = {}
        self._ended_pids: dict[str, int] = {}
        self._is_up = False
        self.environment: dict[str, str] = {}
        """What the site's processes run with, once started; includes PATH and the like."""

    # --- The whole of it -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until each process answers; StackError in one sentence when one cannot."""
        try:
            self._prepare()
            self._supervisor.start(self.environment)
            for name in ("simulator", "mail"):
                self._start_program(name)
            self.manage("migrate", "--no-input", "--verbosity", "0")
            for name in ("simulator", "mail"):
                self._tell_if_ended(name)
            for name in ("web", "worker"):
                self._start_program(name)
            self.wait_until_ready(*PROCESSES)
            self._is_up = True
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process, the site's first and PostgreSQL last; harmless when called twice."""
        self._is_up = False
        self._supervisor.stop()
        self.servers.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """StackError if a server has ended, or a process that supervisord has given up starting again."""
        for name, server in (("PostgreSQL", self.servers.postgres), ("Redis", self.servers.redis)):
            if server is not None and not server.is_running():
                raise died(name, server.log)
        self._supervisor.check()

    # --- One process ---------------------------------------------------------------------------------------------

    def pid(self, name: str) -> int:
        """The process id of `name`, 0 while it does not run."""
        if name in SERVERS:
            process = self._server(name).process
            return process.pid if process is not None and process.poll() is None else 0
        return self._supervisor.pid(name)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process; supervisord starts web, worker, simulator and mail again when they end.

        SIGKILL goes to the whole tree below it as well: gunicorn's own workers, PostgreSQL's backends.
        """
        pid = self.pid(name)
        if not pid:
            raise StackError(f"The process `{name}` does not run, so it gets no {how.name}.")
        self._mark_log(name)
        if how in _ENDING:
            self._ended_pids[name] = pid
        below = psutil.Process(pid).children(recursive=True) if how == signal.SIGKILL else []
        os.kill(pid, how)
        for child in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def restart(self, name: str) -> None:
        """End one process in an orderly way, start it again and wait until it answers; addresses stay."""
        self.stop_process(name)
        self.start_process(name)

    def stop_process(self, name: str) -> None:
        """End one process in an orderly way and leave it down until `start_process`."""
        if name in SERVERS:
            self._server(name).stop()
        else:
            self._supervisor.stop_program(name)

    def start_process(self, name: str) -> None:
        """Start a process that `stop_process` ended, and wait until it answers."""
        if name in SERVERS:
            self._server(name).start()
        else:
            self._start_program(name)
            self.wait_until_ready(name)

    def wait_until_ready(self, *names: str, seconds: float = READY_SECONDS) -> None:
        """Wait until each of these processes answers; StackError when one ends instead, or takes too long.

        After `kill` with a signal that ends a process, it is the next process that must answer.
        """
        for name in names:
            if not wait_until(lambda name=name: self._is_ready(name), seconds=seconds):  # type: ignore[misc]
                raise StackError(
                    f"The process `{name}` did not answer within {seconds:.0f} s. "
                    f"The end of its log ({self.log_of(name)}):{last_lines(self.log_of(name))}"
                )

    def log_of(self, name: str) -> Path:
        """The file with everything that process has printed."""
        return self.logs / f"{name}.log"

    # --- Asking it things ----------------------------------------------------------------------------------------

    def manage(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a management command of the site and return what it printed; StackError when it fails."""
        command = [sys.executable, "manage.py", *arguments]
        # In a session of its own: Ctrl-C is for the stack to handle.
        ended = subprocess.run(
            command,
            cwd=PROJECT,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            start_new_session=True,
            check=False,
        )
        log = self.log_of("manage")
        with log.open("a") as file:
            file.write(f"$ manage.py {arguments[0]}\n{ended.stdout}{ended.stderr}")
        if ended.returncode != 0:
            raise StackError(
                f"`manage.py {arguments[0]}` failed. The end of its log ({log}):{last_lines(log)}"
            )
        return ended.stdout

    def mails(self) -> list[dict[str, Any]]:
        """Every mail the site has sent, newest first: id, to, sender, subject, text, html, links, received_at."""
        return list(get_json(self.ports.mail, "/messages.json"))

    # --- Inside --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        private_folder(self.logs)
        for name, port in self.ports.by_name().items():
            # A stack that was just ended may need a moment to let go.
            if not wait_until(lambda port=port: is_free(port), seconds=2):  # type: ignore[misc]
                raise StackError(
                    f"Port {port} is in use, and {name} needs it: end what uses it, or choose another port "
                    f"(make demo {Ports.variable_of(name)}=…)."
                )
        self.servers.start()
        self.environment = self._environment()
        write_simulator_config(
            self.folder / "simulator.json",
            site_url=self.site_url,
            simulator_url=self.simulator_url,
            site_secrets=self._secrets,
            changes=self._simulator_changes,
        )
        static = collected(self._collect_static)
        self.environment["STATIC_ROOT"] = str(static)

    def _environment(self) -> dict[str, str]:
        addresses = Addresses(
            site=self.site_url,
            stripe=self.simulator_url,
            email=f"smtp://{LOOPBACK}:{self.ports.smtp}",
            database=self.servers.database_url,
            redis=self.servers.redis_url,
            ledger=str(self._ledger()),
        )
        machine = {name: os.environ[name] for name in _FROM_THE_MACHINE if name in os.environ}
        site = site_environment("demo", addresses, self._secrets)
        bind = {"WEB_BIND": f"{LOOPBACK}:{self.ports.site}", "PYTHONUNBUFFERED": "1"}
        return {**machine, **site, **bind, **self._extra}

    def _ledger(self) -> Path:
        """The deletion ledger of our database; a given one may be another each time, and has its own."""
        if self.servers.postgres is not None:
            return self.folder / "deletion-ledger.jsonl"
        which = hashlib.sha256(self.servers.database_url.encode()).hexdigest()[:12]
        return self.folder / f"deletion-ledger-{which}.jsonl"

    def _collect_static(self, folder: Path) -> None:
        self.manage(
            "collectstatic", "--no-input", "--verbosity", "0", environment={"STATIC_ROOT": str(folder)}
        )

    def _start_program(self, name: str) -> None:
        self._mark_log(name)
        self._supervisor.start_program(name)
        self._first_pids[name] = self._supervisor.pid(name)

    def _mark_log(self, name: str) -> None:
        log = self.log_of(name)
        self._log_offsets[name] = log.stat().st_size if log.exists() else 0

    def _server(self, name: str) -> Any:
        server = self.servers.postgres if name == "postgres" else self.servers.redis
        if server is None:
            raise StackError(f"The stack did not start {name}: its address was given.")
        return server

    def _tell_if_ended(self, name: str) -> None:
        """StackError if supervisord has given that process up; while everything starts, if it has ended at all."""
        # Not by its state then: one that needs more than `startsecs` to fail is started again for ever, never BACKOFF.
        has_ended = self._supervisor.pid(name) != self._first_pids[name] or not self._first_pids[name]
        if (has_ended and not self._is_up) or self._supervisor.state(name) == "FATAL":
            raise died(f"The process `{name}`", self.log_of(name))

    def _is_ready(self, name: str) -> bool:
        self._tell_if_ended(name)
        if self._supervisor.pid(name) in {0, self._ended_pids.get(name)}:
            return False
        if name == "worker":
            return has_begun_to_consume(self.log_of(name), after=self._log_offsets.get(name, 0))
        return answers(name, self.ports)
