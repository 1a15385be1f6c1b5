"""Virtual environments besides the project's own, each with what one file of hashed pins says and nothing else."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from local_stack.folders import LOCAL, PROJECT
from local_stack.problems import StackError


def python_with(pins: str) -> Path:
    """Return the Python of `.local/<pins>`, made anew where `requirements/<pins>.txt` or our own Python has changed.

    StackError with pip's own words when it cannot be made.
    """
    folder, file = LOCAL / pins, PROJECT / "requirements" / f"{pins}.txt"
    python = folder / "bin" / "python"
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / f"{pins}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # somebody may be making it in another terminal
        stamp, wanted = (
            folder / "pins.txt",
            f"# {folder}, {sys.version}\n{file.read_text(encoding='utf-8')}",
        )
        if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            print(
                f"Installing {file.name} in an environment of its own (once) ...", file=sys.stderr, flush=True
            )
            # Without a pip of its own, which takes longer than all the rest.
            _run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder])
            pip: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                python,
                "install",
                "-q",
                "--no-input",
                "--no-compile",
            ]
            _run([*pip, "--disable-pip-version-check", "--require-hashes", "-r", file])
            stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str | Path]) -> None:
    ended = subprocess.run(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise StackError(f"{' '.join(map(str, command[1:4]))} failed:\n{ended.stderr[-2000:]}")
