"""A `python` that begins at once, for tests of commands: forked from a process that has the libraries loaded.

Most of the second that a command of the site takes goes into loading Django and other libraries. They are loaded once,
and nothing of ours: each command has its own environment, reads the settings anew and is over when it ends, as ever.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from local_stack.lifetimes import follow_parent
from tests.waiting import eventually

PROJECT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "aiohttp",
    "celery.app.base",
    "celery.app.defaults",
    "cryptography.hazmat.primitives.ciphers.aead",
    "django.core.management",
    "django.core.management.commands.shell",
    "django.db.backends.postgresql.base",
    "django.template.backends.django",
    "django.test",
    "django.views.debug",
    "environ",
    "joserfc.jwe",
    "joserfc.jwk",
    "kombu.transport.redis",
    "psycopg_pool",
    "requests",
    "stripe",
    "structlog",
)
_CLIENT = """
import json, os, socket, sys
at_home = socket.socket(socket.AF_UNIX)
at_home.connect(sys.argv[1])
socket.send_fds(at_home, [b"+"], [0, 1, 2])
at_home.sendall(json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode())
at_home.shutdown(socket.SHUT_WR)
sys.exit(ord(at_home.recv(1) or b"\\x01"))
"""


@functools.cache
def program() -> Path:
    """Stands for the tests' own Python: `program -m module …`, `-c words` or `script …`. Ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="quick-python-"))
    found, address = folder / "python", folder / "socket"
    client = [sys.executable, "-IS", "-c", _CLIENT, str(address)]
    found.write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n')
    found.chmod(0o700)
    # In a session of its own, which ends as a whole: with it what nobody waits for any more.
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, str(address)], cwd=PROJECT, start_new_session=True
    )
    atexit.register(_end, server, folder)
    eventually(address.exists, timeout=60)
    return found


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def serve(address: str) -> None:
    """Load the libraries, then run what is asked for, each in a process of its own. Returns in those alone."""
    follow_parent(signal.SIGTERM)
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    door = socket.socket(socket.AF_UNIX)
    door.bind(f"{address}.new")
    door.listen()
    Path(f"{address}.new").rename(address)
    while True:
        asking, _ = door.accept()
        if os.fork() == 0:
            door.close()
            return _wait_for_command(asking)
        asking.close()


def _wait_for_command(asking: socket.socket) -> None:
    """Have one more process run the command, and tell whoever asked how it ended. Returns in that one."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asking, 1, 3)
    with asking.makefile("rb") as words:
        arguments, folder, environment = json.loads(words.read())
    command = os.fork()
    if command == 0:
        asking.close()
        return _become(arguments, folder, environment, streams)
    for stream in streams:
        os.close(stream)
    status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    asking.sendall(bytes([status & 0xFF]))
    os._exit(0)


def _become(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = arguments


def _run(arguments: list[str]) -> None:
    """As `python` does with these arguments."""
    if arguments[0] == "-c":
        exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 - a test's own words
    elif arguments[0] == "-m":
        sys.argv, sys.path[0] = arguments[1:], str(Path.cwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(arguments[0]).resolve().parent)
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
    _run(sys.argv)
