"""Many small requests to one server at the same time, from one thread, over connections that are kept open.

A thread for each request would cost more than the request. So all are sent first, each over a connection of its own,
and read as they arrive. No redirect, cookie, proxy or .netrc is looked at: what carries a key goes to the server it is
sent to and nowhere else.
"""

import io
import select
import selectors
import ssl
import time
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from socket import socket
from urllib.parse import urlsplit

_OPENED_AT_ONCE = 128
_LATE_SECONDS = 0.5
_LARGEST = 4 * 1024 * 1024


class Trouble(StrEnum):
    """Why there is no whole answer."""

    TIMED_OUT = "timed_out"
    LOST = "lost"
    NOT_HTTP = "not_http"


@dataclass(frozen=True)
class Question:
    """One request without a body; `headers` are its own, beside those of all."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A whole answer, or the trouble that there was instead."""

    status: int = 0
    body: bytes = b""
    trouble: Trouble | None = None


class Wire:
    """Connections to one server. `base` is its address, `authorities` the file of those whose certificates count.

    A connection is open within `connect_seconds` or given up, and an answer is whole within `read_seconds`, however
    slowly it trickles. At most `kept` idle connections stay open.
    """

    def __init__(
        self, base: str, *, authorities: str, connect_seconds: float, read_seconds: float, kept: int
    ) -> None:
        self._address = urlsplit(base)
        self._authorities = authorities
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._idle: deque[HTTPConnection] = deque()
        self._kept = kept
        weakref.finalize(self, _close_all, self._idle)

    def ask(self, questions: Sequence[Question], headers: Mapping[str, str]) -> Iterator[tuple[int, Reply]]:
        """Send all `questions`; yields each one's number with its reply as it arrives. Never raises."""
        deadline = time.monotonic() + self._connect_seconds + self._read_seconds
        failed, waiting = [], {}
        for number, line in enumerate(self._lines(len(questions))):
            trouble = line if isinstance(line, Trouble) else self._send(line, questions[number], headers)
            if isinstance(line, Trouble) or trouble is not None:
                failed.append((number, Reply(trouble=trouble)))
            else:
                waiting[number] = line
        deadline = min(deadline, time.monotonic() + self._read_seconds)
        yield from failed
        yield from self._replies(waiting, deadline)

    def _replies(self, waiting: dict[int, HTTPConnection], deadline: float) -> Iterator[tuple[int, Reply]]:
        with selectors.PollSelector() as selector:
            for number, line in waiting.items():
                selector.register(line.sock, selectors.EVENT_READ, number)
            try:
                while waiting:
                    left = deadline - time.monotonic()
                    ready = [key.data for key, _ in selector.select(max(left, 0.0))]
                    if not ready and left <= 0:
                        break
                    for number in ready:
                        line = waiting.pop(number)
                        selector.unregister(line.sock)
                        # What is there already is read, even where somebody else's trickle has used the time up.
                        yield number, self._read(line, max(deadline, time.monotonic() + _LATE_SECONDS))
                for number in waiting:
                    yield number, Reply(trouble=Trouble.TIMED_OUT)
            finally:
                for line in waiting.values():
                    line.close()

    # --- Connections -------------------------------------------------------------------------------------------------

    def _lines(self, count: int) -> list[HTTPConnection | Trouble]:
        """So many connections: idle ones first, then new ones, opened at the same time as each takes round trips."""
        lines: list[HTTPConnection | Trouble] = []
        while len(lines) < count and (line := self._an_idle_one()) is not None:
            lines.append(line)
        missing = count - len(lines)
        if missing > 1:
            lines += self._openers.map(lambda _: self._a_new_one(), range(missing))
        elif missing:
            lines.append(self._a_new_one())
        return lines

    def _an_idle_one(self) -> HTTPConnection | None:
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return None
            if not _has_news(line.sock):
                return line
            line.close()  # nothing was asked, so what came is the end of the connection

    def _a_new_one(self) -> HTTPConnection | Trouble:
        host, port = self._address.hostname or "", self._address.port
        line: HTTPConnection
        if self._address.scheme == "https":
            line = HTTPSConnection(host, port, timeout=self._connect_seconds, context=self._tls)
        else:
            line = HTTPConnection(host, port, timeout=self._connect_seconds)
        try:
            line.connect()
        except OSError as problem:
            line.close()
            return Trouble.TIMED_OUT if isinstance(problem, TimeoutError) else Trouble.LOST
        return line

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._authorities)
        context.set_alpn_protocols(["http/1.1"])
        return context

    @cached_property
    def _openers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_OPENED_AT_ONCE, thread_name_prefix="opens")

    # --- One request -------------------------------------------------------------------------------------------------

    def _send(self, line: HTTPConnection, question: Question, headers: Mapping[str, str]) -> Trouble | None:
        try:
            line.sock.settimeout(self._connect_seconds)
            line.request(
                question.method.upper(),
                self._address.path + question.path,
                headers={**headers, **question.headers},
            )
        except (OSError, HTTPException) as problem:
            line.close()
            return Trouble.TIMED_OUT if isinstance(problem, TimeoutError) else Trouble.LOST
        return None

    def _read(self, line: HTTPConnection, until: float) -> Reply:
        """The answer on `line`, which is kept for the next request if that is possible."""
        line.response_class = partial(_response_until, until)  # type: ignore[assignment]
        try:
            response = line.getresponse()
            body = _whole_body(response)
        except TimeoutError:
            reply = Reply(trouble=Trouble.TIMED_OUT)
        except (OSError, IncompleteRead):
            reply = Reply(trouble=Trouble.LOST)
        except (HTTPException, ValueError):
            reply = Reply(trouble=Trouble.NOT_HTTP)
        else:
            if response.will_close or len(self._idle) >= self._kept:
                line.close()
            else:
                self._idle.append(line)
            return Reply(response.status, body)
        line.close()
        return reply


def _close_all(idle: deque[HTTPConnection]) -> None:
    while idle:
        idle.pop().close()


def _has_news(sock: socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _whole_body(response: HTTPResponse) -> bytes:
    """The body to its end; raises IncompleteRead, or ValueError where it is too large."""
    body = b""
    while not response.isclosed():
        body += response.read(_LARGEST)
        if len(body) >= _LARGEST:
            raise ValueError("The answer is too large.")
    if response.length:  # the connection has ended before the body
        raise IncompleteRead(b"")
    return body


def _response_until(until: float, sock: socket, **more: object) -> HTTPResponse:
    return HTTPResponse(_Until(sock, until), **more)  # type: ignore[arg-type]


class _Until(io.RawIOBase):
    """A socket to read from until a moment; a time-out of the socket's own would begin anew with every byte."""

    def __init__(self, sock: socket, until: float) -> None:
        self._sock, self._until = sock, until
        self._bytes = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `http.client` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()
