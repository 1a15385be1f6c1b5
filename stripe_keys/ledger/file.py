"""The deletion ledger's file: one JSON object a line, only ever appended to, on disk before anybody is told so.

A line that was torn by a full disk or a power cut stays where it is and is passed over by whoever reads, and so is one
that is no entry (`stripe_keys.ledger.records`). The same entry may stand there twice. Nobody but its owner may read the
file.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stripe_keys.ledger import records as ledger_records
from stripe_keys.ledger.records import IllFormed, Record, Torn

TAIL_BYTES: Final = 65_536
_PATIENCE_SECONDS = 5.0


class LedgerFile:
    """The file at `path`, which need not exist. Every method may raise OSError."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def tail(self) -> list[Record]:
        """The last whole records, oldest first; empty only where the file has none, or is not there.

        Reads the last TAIL_BYTES, and more only if no whole record is among them.
        """
        try:
            with self.path.open("rb") as file:
                return _tail_of(file.fileno())
        except FileNotFoundError:
            return []

    def records(self) -> Iterator[Record]:
        """Every whole record, oldest first, read as the caller goes on. Nothing where there is no file."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                if (record := _record_in(line)) is not None:
                    yield record

    def ill_formed(self) -> list[int]:
        """The numbers of the lines that are whole and no entries, as an editor counts them."""
        numbers = []
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return []
        with file:
            for number, line in enumerate(file, start=1):
                try:
                    ledger_records.read(line)
                except IllFormed:
                    numbers.append(number)
                except Torn:
                    continue
        return numbers

    @contextmanager
    def opened(self) -> Iterator["OpenLedger"]:
        """The file, made if need be, for this process alone until the block ends.

        Raises BlockingIOError when another process does not let go of it.
        """
        handle = self._open()
        try:
            _lock(handle)
            yield OpenLedger(handle)
        finally:
            os.close(handle)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return os.open(self.path, flags)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # or a power cut could take the whole file away
        finally:
            os.close(folder)
        return handle


class OpenLedger:
    """The ledger's file while it is locked."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def tail(self) -> list[Record]:
        """The last whole records, oldest first."""
        return _tail_of(self._handle)

    def append(self, *records: Record) -> None:
        """Add records; when this returns they are on disk."""
        lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
        self._write(lines if self._ends_whole() else b"\n" + lines)
        os.fsync(self._handle)

    def _ends_whole(self) -> bool:
        size = os.fstat(self._handle).st_size
        return size == 0 or os.pread(self._handle, 1, size - 1) == b"\n"

    def _write(self, data: bytes) -> None:
        while data:  # a disk that is nearly full takes a part
            data = data[os.write(self._handle, data) :]


def _lock(handle: int) -> None:
    # Never waiting without end: whoever holds the lock may be frozen.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _tail_of(handle: int) -> list[Record]:
    # Further and further back until there is a record: what stands at the end may be anything, of any length.
    size, length = os.fstat(handle).st_size, TAIL_BYTES
    while True:
        start = max(size - length, 0)
        lines = os.pread(handle, size - start, start).split(b"\n")
        whole = lines[1 if start else 0 : -1]
        found = [record for line in whole if (record := _record_in(line + b"\n")) is not None]
        if found or not start:
            return found
        length *= 2


def _record_in(line: bytes) -> Record | None:
    """The record that a line holds, or None for one that is torn or ill-formed."""
    try:
        return ledger_records.read(line)
    except (Torn, IllFormed):
        return None
