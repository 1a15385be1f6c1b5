"""Folders only their owner can read, and a short one for unix sockets (their paths may not exceed 107 bytes)."""

import hashlib
import os
import stat
from pathlib import Path

from local_stack.problems import StackError

PROJECT = Path(__file__).resolve().parent.parent
LOCAL = PROJECT / ".local"
LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = len(
    "/supervisor.sock.12345"
)  # supervisord binds under a name with its process id first


def private_folder(path: Path, *, owner: int | None = None) -> Path:
    """Make (or take over) a folder with mode 0700, owned by user id `owner` (default: whoever runs this)."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if owner is not None and os.geteuid() == 0:
        os.chown(path, owner, -1)
    return path


def write_private(path: Path, text: str, *, owner: int | None = None) -> Path:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if owner is not None and os.geteuid() == 0:
        os.chown(path, owner, -1)
    return path


def socket_folder(folder: Path) -> Path:
    """A private folder for sockets: `folder` itself, or one under /tmp where that path would be too long."""
    if len(os.fsencode(folder)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
        return private_folder(folder)
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(f"/tmp/partner-site-{os.geteuid()}-{name}")  # noqa: S108 - whose it is, is checked below
    if os.path.lexists(short):
        status = short.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise StackError(f"{short} belongs to somebody else; remove it and start again.")
    return private_folder(short)


def open_the_way(path: Path) -> None:
    """Let other users pass through (not read) the folders above `path`.

    Only called as root: PostgreSQL refuses to run as root, so its user must be able to reach its own data.
    """
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            try:
                parent.chmod(mode | stat.S_IXOTH)
            except OSError as error:
                raise StackError(
                    f"PostgreSQL cannot run as root and its user may not pass through {parent}; "
                    f"clone the project elsewhere or run as another user ({error.strerror})."
                ) from None
