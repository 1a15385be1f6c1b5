"""Somebody without a signing secret sends 10,000 bodies of 2 MB: nothing of it stays, in tables, memory or on disk."""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.drills.conftest import Judge
from tests.drills.inbox_ground import Inbox

BODIES, SIZE = 10_000, 2_097_152
READ_BODIES, READ_SIZE = (
    500,
    1_048_576,
)  # as large as one may be: only a look at all of it shows that it is false
AT_A_TIME = 16
MEGABYTE = 1_048_576
# A line or two of log for each, and what a running site writes by itself: heartbeats, slots, WAL.
LOG_BYTES_EACH = 600
_PIECE = b"x" * 65_536
_INBOX = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'webhooks_%'"""


@dataclass(frozen=True)
class Room:
    """What the site takes up, in bytes."""

    rows: int
    inbox: int
    database: int
    files: int
    logs: int
    memory: int

    def __sub__(self, other: "Room") -> "Room":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Room(*(mine - theirs for mine, theirs in pairs))

    def __str__(self) -> str:
        sizes = {name: value / MEGABYTE for name, value in vars(self).items() if name != "rows"}
        return f"events={self.rows} " + " ".join(f"{name}_mb={value:.1f}" for name, value in sizes.items())


def drill_ten_thousand_unsigned_bodies_of_two_megabytes(inbox: Inbox, judge: Judge) -> None:
    send(inbox, AT_A_TIME * 8, SIZE)  # every thread and connection that there will be is there now
    send(inbox, AT_A_TIME * 8, READ_SIZE)
    before, began = room(inbox), time.monotonic()

    refused, sent = send(inbox, BODIES, SIZE)
    read_and_refused, _ = send(inbox, READ_BODIES, READ_SIZE)

    grown, seconds = room(inbox) - before, time.monotonic() - began
    judge.say(f"drill: before: {before}")
    judge.say(
        f"drill: {BODIES} unsigned bodies of 2 MB, {READ_BODIES} of 1 MB: refused={refused + read_and_refused}"
        f" sent_mb={sent / MEGABYTE:.0f} seconds={seconds:.1f} grown: {grown}"
    )
    assert refused == {413: BODIES}
    assert read_and_refused == {400: READ_BODIES}
    assert (grown.rows, grown.inbox) == (0, 0)
    assert grown.database < MEGABYTE
    assert grown.logs < (BODIES + READ_BODIES) * LOG_BYTES_EACH
    assert grown.files < 4 * MEGABYTE
    assert grown.memory < 32 * MEGABYTE


def send(inbox: Inbox, count: int, size: int) -> tuple[Counter[int], int]:
    """Send so many bodies, a few at once; what was answered, and how many bytes went out before that."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        told = list(pool.map(one, repeat(inbox.stack.site_url, count), repeat(size)))
    return Counter(status for status, _ in told), sum(sent for _, sent in told)


def one(site_url: str, size: int) -> tuple[int, int]:
    """Send one body with a signature of the right form and moment; 0 where no answer came."""
    where = urlsplit(site_url)
    head = (
        f"POST /webhooks/stripe/ HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {size}\r\n"
        f"Content-Type: application/json\r\nStripe-Signature: t={int(time.time())},v1={'0' * 64}\r\n\r\n"
    )
    sent = 0
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(head.encode())
            for piece in pieces(size):
                link.sendall(piece)
                sent += len(piece)
        with contextlib.suppress(ConnectionError, IndexError):
            return int(link.makefile("rb").readline().split()[1]), sent
    return 0, sent


def pieces(size: int) -> Iterator[bytes]:
    """A body in parts."""
    for start in range(0, size, len(_PIECE)):
        yield _PIECE[: size - start]


def room(inbox: Inbox) -> Room:
    """What everything takes up now. What PostgreSQL writes ahead it recycles by itself, so that does not count."""
    inbox.audit.rows("CHECKPOINT")
    stack = inbox.stack
    files = {path: path.stat().st_size for path in stack.folder.rglob("*") if is_kept(path)}
    logs = sum(size for path, size in files.items() if path.is_relative_to(stack.logs))
    web = psutil.Process(stack.pid("web"))
    return Room(
        rows=int(inbox.audit.rows("SELECT count(*) FROM webhooks_eventnotification")[0][0]),
        inbox=int(inbox.audit.rows(_INBOX)[0][0]),
        database=int(inbox.audit.rows("SELECT pg_database_size(current_database())")[0][0]),
        files=sum(files.values()) - logs,
        logs=logs,
        memory=sum(each.memory_info().rss for each in (web, *web.children(recursive=True))),
    )


def is_kept(path: Path) -> bool:
    """Whether it is a file that stays."""
    return path.is_file() and not path.is_symlink() and "pg_wal" not in path.parts
