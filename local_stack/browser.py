"""A Chromium or Chrome for the tests: the machine's own, else Debian's where we may install it."""

import os
import shutil
import subprocess

from local_stack.problems import StackError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """The path of a Chromium or Chrome on this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def ensure_browser() -> str:
    """The path of a browser, installed if need be and possible; StackError saying what to do where it is not."""
    found = find_browser()
    if found is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(
            "The tests need Chromium or Chrome, and there is none: install one "
            "(Debian: sudo apt-get install chromium), or run `make test-fast`, which needs none."
        )
    print("Installing Debian's chromium for the tests ...", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
    ):
        ended = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, check=False)
        if ended.returncode != 0:
            raise StackError(
                f"`{' '.join(command)}` failed (see above); install chromium yourself and try again."
            )
    found = find_browser()
    if found is None:
        raise StackError("chromium was installed, but it is not on the PATH.")
    return found
