"""`python -m partner_site.key_file VERB ID FILE`: the files of key-encryption and fingerprint keys, changed safely.

A file holds what KEY_ENCRYPTION_KEYS or FINGERPRINT_KEYS hold: `id:base64 of 32 bytes`, the primary first, separated by
commas. It is replaced whole or not at all, readable by its owner alone, and no key is ever printed or thrown away.
"""

import argparse
import base64
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


class CannotChange(Exception):
    """The file is left as it is; the message says why and shows no key."""


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CannotChange(f"{path} is not there. Make it with `new`.") from None
    except UnicodeDecodeError:
        raise CannotChange(f"{path} is not a file of keys.") from None
    entries = text.split(",") if text else []
    for entry in entries:
        key_id, separator, _ = entry.partition(":")
        if not separator or not _ID.fullmatch(key_id):
            raise CannotChange(f"{path} is not a file of keys: `id:base64 of 32 bytes`, separated by commas.")
    return entries


def _write(path: Path, entries: Sequence[str], *, is_new: bool = False) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        os.write(handle, (",".join(entries) + "\n").encode())
        os.fsync(handle)
        if is_new:
            os.link(beside, path)  # fails where there is one already, and never replaces it
        else:
            beside.replace(path)
    except FileExistsError:
        raise CannotChange(f"{path} is there already. To rotate, use `add`.") from None
    finally:
        os.close(handle)
        beside.unlink(missing_ok=True)


def _fresh(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _at(entries: Sequence[str], key_id: str) -> int:
    for number, entry in enumerate(entries):
        if entry.startswith(f"{key_id}:"):
            return number
    raise CannotChange(f"There is no key {key_id!r} in it.")


def new(key_id: str, path: Path) -> str:
    """Make a file with one fresh key; raises CannotChange where there is a file already."""
    _write(path, [_fresh(key_id)], is_new=True)
    return f"{path} holds the key {key_id!r}. Keep a copy of it apart from the database and its backups."


def add(key_id: str, path: Path) -> str:
    """Put a fresh key behind the others: everybody can read what it will wrap, and nobody uses it yet."""
    entries = _read(path)
    if any(entry.startswith(f"{key_id}:") for entry in entries):
        raise CannotChange(f"There is a key {key_id!r} in it already; give the new one another id.")
    _write(path, [*entries, _fresh(key_id)])
    return f"The key {key_id!r} stands behind the others. Restart every process, then `promote` it."


def promote(key_id: str, path: Path) -> str:
    """Put a key first: it is used for what is new."""
    entries = _read(path)
    chosen = entries.pop(_at(entries, key_id))
    _write(path, [chosen, *entries])
    return f"The key {key_id!r} stands first. Restart every process."


def retire(key_id: str, path: Path) -> str:
    """Move a key that stands behind another into a file of its own beside this one."""
    entries = _read(path)
    number = _at(entries, key_id)
    if number == 0:
        raise CannotChange(f"{key_id!r} stands first, so it is in use. `promote` another one before.")
    apart = path.with_name(f"{path.name}.retired-{key_id}")
    _write(apart, [entries.pop(number)], is_new=True)
    _write(path, entries)
    return f"The key {key_id!r} is in {apart} now. Keep that as long as the backups from before. Restart every process."


VERBS: dict[str, Callable[[str, Path], str]] = {
    "new": new,
    "add": add,
    "promote": promote,
    "retire": retire,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the verb says; the exit code."""
    parser = argparse.ArgumentParser(prog="partner_site.key_file")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("key_id", metavar="ID", help="letters, digits, dots, dashes; at most 40")
    parser.add_argument("file", metavar="FILE", type=Path)
    given = parser.parse_args(arguments)
    if not _ID.fullmatch(given.key_id):
        sys.stderr.write("An id is made of letters, digits, dots and dashes, at most 40.\n")
        return 1
    try:
        said = VERBS[given.verb](given.key_id, given.file)
    except CannotChange as why:
        sys.stderr.write(f"{why}\n")
        return 1
    except OSError as why:
        sys.stderr.write(f"{given.file}: {why.strerror}.\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
