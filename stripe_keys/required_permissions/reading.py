"""Finds Python files and reads their syntax; whatever is wrong with one becomes a sentence about it."""

import ast
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1_000_000
"""The most bytes of a file that is read: what is larger was not written by people."""
TOO_DEEP = "is nested too deeply to be read."
_NOT_CODE_OF_OURS = {"migrations", "node_modules", "site-packages", "__pycache__"}
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Fault:
    """What could not be read, at which line if that is known, and why: a sentence without its subject."""

    file: str
    why: str
    line: int = 0


def files_in(paths: Iterable[Path]) -> Iterator[Path | Fault]:
    """The Python files among and below `paths`, each once, and a fault for what is none.

    Below a folder, hidden folders, virtual environments, migrations and `node_modules` are left out, and links to
    folders are not followed. A file that is named itself is read whatever it is called.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _found_at(path):
            if isinstance(found, Path):
                status = found.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            yield found


def tree_of(file: Path) -> ast.Module | Fault:
    """The syntax of one file, which is not run; a fault if it cannot be read."""
    try:
        with file.open("rb") as opened:
            source = opened.read(LARGEST + 1)
    except OSError:
        return Fault(str(file), "cannot be opened.")
    if len(source) > LARGEST:
        return Fault(str(file), f"is larger than {LARGEST // 1_000_000} MB.")
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(str(file), "is not UTF-8 text.", source.count(b"\n", 0, error.start) + 1)
    if "\0" in text:
        return Fault(str(file), "has a NUL character in it.", text.count("\n", 0, text.index("\0")) + 1)
    return _parsed(str(file), text)


def _parsed(file: str, text: str) -> ast.Module | Fault:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        # Its message may quote the file, which may hold anything: the line is enough.
        return Fault(file, f"is not Python as version {_VERSION} writes it.", error.lineno or 0)
    except ValueError:
        return Fault(file, f"is not Python as version {_VERSION} writes it.")
    except (RecursionError, MemoryError):
        return Fault(file, TOO_DEEP)


def _found_at(path: Path) -> Iterator[Path | Fault]:
    try:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from _below(path)
        else:
            yield Fault(str(path), "is neither a file nor a folder." if path.exists() else "does not exist.")
    except OSError:
        yield Fault(str(path), "cannot be opened.")


def _below(folder: Path) -> Iterator[Path | Fault]:
    faults: list[Fault] = []
    found = False
    for here, folders, files in os.walk(
        folder, onerror=lambda error: faults.append(Fault(str(error.filename), "cannot be opened."))
    ):
        folders[:] = sorted(name for name in folders if _holds_our_code(Path(here, name)))
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith(".") and Path(here, name).is_file():
                found = True
                yield Path(here, name)
    yield from faults
    if not found and not faults:
        yield Fault(str(folder), "holds no Python file.")


def _holds_our_code(folder: Path) -> bool:
    return not (
        folder.name.startswith(".") or folder.name in _NOT_CODE_OF_OURS or (folder / "pyvenv.cfg").exists()
    )
