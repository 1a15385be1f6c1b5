"""Child processes that never outlive their parent, and waiting for a condition."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Ask `condition` until it holds; False when it still does not after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def follow_parent(end_signal: signal.Signals) -> None:
    """Ask the kernel to send this process `end_signal` when its parent ends, however it ends (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, int(end_signal), 0, 0, 0)


def start_child(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
    end_signal: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output in `log`, told to end when this thread's process dies.

    The session keeps Ctrl-C away from it: its parent decides in which order things end. `user` is (uid, gid).
    """

    with log.open("ab") as output:
        return subprocess.Popen(
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=lambda: follow_parent(end_signal),  # noqa: PLW1509 - one system call, prepared before the fork
            user=user[0] if user else None,
            group=user[1] if user else None,
            extra_groups=[] if user else None,
        )


def end_child(process: subprocess.Popen[bytes], *, end_signal: signal.Signals, seconds: float) -> None:
    """Ask a process to end; kill it when it has not after `seconds`. Harmless on one that has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(end_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_orphan(pid_file: Path, *, marker: str) -> None:
    """End the process that `pid_file` names, left behind by a parent that was killed, if it really is ours.

    Process ids are reused, so it counts as ours only when its command line contains `marker`.
    """
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if any(marker in part for part in process.cmdline()):
            process.send_signal(signal.SIGINT)
            process.wait(10)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(5)
    except (OSError, ValueError, psutil.Error):
        pass  # no such file, or no such process any more
