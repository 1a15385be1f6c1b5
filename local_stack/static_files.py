"""Collected static files: made once for each state of the sources, shared by everything that runs from this folder."""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from local_stack.folders import LOCAL, PROJECT

KEPT_SECONDS = 7 * 24 * 60 * 60  # a demo that still runs may serve an older state


def collected(collect: Callable[[Path], object], *, cache: Path = LOCAL / "static") -> Path:
    """The folder for STATIC_ROOT; `collect(folder)` is called to fill it unless it was filled before."""
    folder = cache / _state_of_sources()
    if folder.is_dir():
        os.utime(folder)
        return folder
    unfinished = cache / f"unfinished-{secrets.token_hex(4)}"
    unfinished.mkdir(parents=True)
    try:
        collect(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody was faster with the same files
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for old in cache.iterdir():
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _state_of_sources() -> str:
    digest = hashlib.sha256((PROJECT / "requirements" / "base.txt").read_bytes())
    digest.update((PROJECT / "partner_site" / "settings.py").read_bytes())
    for path in sorted(PROJECT.glob("[!.]*/static/**/*")):  # not what was collected into .local/
        status = path.stat()
        digest.update(f"{path.relative_to(PROJECT)} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()[:16]
