"""supervisord for the processes of a stack: its configuration, and a small client of its socket."""

import contextlib
import shlex
import shutil
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local_stack.folders import PROJECT, socket_folder, write_private
from local_stack.lifetimes import end_child, end_orphan, start_child, wait_until
from local_stack.problems import StackError, died

GROUP = "stack"
STOP_SECONDS = 12


@dataclass(frozen=True)
class Program:
    """A process to supervise: its name and its command line."""

    name: str
    command: tuple[str, ...]


class Supervisor:
    """supervisord over `programs`, each started by `start_program` and started again whenever it ends by itself.

    It listens on a unix socket in a private folder, never on a port. Its configuration holds no secret: the programs
    inherit `environment`.
    """

    def __init__(self, folder: Path, *, logs: Path, programs: Iterable[Program]) -> None:
        self.folder = folder
        self.logs = logs
        self.programs = tuple(programs)
        self.log = logs / "supervisor.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = Path()

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord and wait until it answers; it starts no program yet."""
        self._socket = socket_folder(self.folder / "sockets") / "supervisor.sock"
        configuration = write_private(self.folder / "supervisord.conf", self._configuration())
        end_orphan(self.folder / "supervisord.pid", marker=str(configuration))
        self._process = start_child(
            [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", configuration],
            log=self.log,
            cwd=PROJECT,
            environment=environment,
        )
        if not wait_until(self._answers, seconds=20):
            raise StackError(f"supervisord did not answer within 20 s; its log is {self.log}.")

    def stop(self) -> None:
        """End every program, then supervisord."""
        if self._process is not None:
            end_child(self._process, end_signal=signal.SIGTERM, seconds=STOP_SECONDS * 2)
            self._process = None
        if self._socket.name and not self._socket.is_relative_to(self.folder):
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def start_program(self, name: str) -> None:
        """Start one program, without waiting for it."""
        self._call("startProcess", _full(name), False)

    def stop_program(self, name: str) -> None:
        """Ask one program to end (SIGTERM), wait until it has, and leave it stopped."""
        self._call("stopProcess", _full(name))

    def pid(self, name: str) -> int:
        """The process id of a program, 0 while it does not run."""
        return int(self._call("getProcessInfo", _full(name))["pid"])

    def state(self, name: str) -> str:
        """supervisord's word for how a program is: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL."""
        return str(self._call("getProcessInfo", _full(name))["statename"])

    def log_of(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """StackError naming the log if supervisord is gone, or a program that it has given up."""
        if self._process is None or self._process.poll() is not None:
            raise died("supervisord", self.log)
        for info in self._call("getAllProcessInfo"):
            if info["statename"] == "FATAL":
                raise died(f"The process `{info['name']}`", self.log_of(str(info["name"])))

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise died("supervisord", self.log)
        try:
            return bool(self._call("getState")["statecode"] == 1)
        except StackError:
            return False

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        with contextlib.closing(transport):
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except (OSError, xmlrpc.client.Error) as error:
                raise StackError(f"supervisord refused {method} {arguments}: {error}") from None

    def _configuration(self) -> str:
        sections = [
            "[supervisord]",
            "nodaemon=true",
            "silent=true",
            f"logfile={_plain(self.log)}",
            f"pidfile={_plain(self.folder / 'supervisord.pid')}",
            f"directory={_plain(PROJECT)}",
            "[unix_http_server]",
            f"file={_plain(self._socket)}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            f"[group:{GROUP}]",
            "programs=" + ",".join(program.name for program in self.programs),
        ]
        for program in self.programs:
            sections += self._section(program)
        return "\n".join(sections) + "\n"

    def _section(self, program: Program) -> list[str]:
        command = shlex.join([sys.executable, "-m", "local_stack.tied", *program.command])
        return [
            f"[program:{program.name}]",
            f"command={_plain(command)}",
            f"directory={_plain(PROJECT)}",
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "startretries=4",
            f"stopwaitsecs={STOP_SECONDS}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_plain(self.log_of(program.name))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=1",
        ]


def _full(name: str) -> str:
    return f"{GROUP}:{name}"


def _plain(value: object) -> str:
    """A value as supervisord's file wants it: it expands %(…)s."""
    return str(value).replace("%", "%%")
