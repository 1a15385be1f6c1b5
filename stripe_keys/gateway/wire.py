"""Many small requests to one server at the same time, over connections that are kept open.

aiohttp speaks HTTP, in an event loop that has a thread of its own: a thread for each request would cost more than the
request. No redirect, cookie, proxy or .netrc is looked at: what carries a key goes to the server it is sent to and
nowhere else. No exception leaves: its text may quote a key.
"""

import asyncio
import os
import select
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Any

import aiohttp
from aiohttp.tracing import Trace

# When the present request is given up; not by aiohttp's tracing, which costs a tenth of a check.
_limit: ContextVar[asyncio.Timeout] = ContextVar("limit")
_LARGEST = 4 * 1024 * 1024
_LATE_SECONDS = 1.0
_CLOSING_SECONDS = 2.0


class Trouble(StrEnum):
    """Why there is no whole answer."""

    TIMED_OUT = "timed_out"
    LOST = "lost"
    NOT_HTTP = "not_http"


@dataclass(frozen=True)
class Question:
    """One request; `headers` are its own, beside those of all."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """A whole answer, or the trouble that there was instead."""

    status: int = 0
    body: bytes = b""
    trouble: Trouble | None = None


class Wire:
    """Connections to one server. `base` is its address, `authorities` the file of those whose certificates count.

    A connection is open within `connect_seconds` or given up, and an answer is whole within `read_seconds`, however
    slowly it trickles. A wire is of no use in a forked process: make another there.
    """

    def __init__(self, base: str, *, authorities: str, connect_seconds: float, read_seconds: float) -> None:
        self._base = base
        self._patience = connect_seconds + read_seconds
        tls = _tls(authorities) if base.startswith("https:") else None
        self._courier = _Courier(tls, connect_seconds, read_seconds)
        weakref.finalize(self, self._courier.close)

    def ask(self, questions: Sequence[Question], headers: Mapping[str, str]) -> Iterator[tuple[int, Reply]]:
        """Send all `questions`; yields each one's number with its reply as it arrives. Never raises."""
        arrived: SimpleQueue[tuple[int, Reply]] = SimpleQueue()
        waiting = set(range(len(questions)))
        until = time.monotonic() + self._patience + _LATE_SECONDS
        give_up = self._courier.send(self._base, questions, headers, arrived.put)
        try:
            while waiting:
                number, reply = arrived.get(timeout=max(until - time.monotonic(), 0.0))
                waiting.remove(number)
                yield number, reply
        except Empty:  # the courier keeps the time itself, unless it has been closed
            for number in sorted(waiting):
                yield number, Reply(trouble=Trouble.TIMED_OUT)
        finally:
            if waiting:
                give_up()


def _tls(authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Courier:
    """A thread with an event loop that sends requests and tells of the replies."""

    def __init__(self, tls: ssl.SSLContext | None, connect_seconds: float, read_seconds: float) -> None:
        self._process = os.getpid()
        self._tls = tls
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._session: aiohttp.ClientSession | None = None
        self._loop = asyncio.new_event_loop()
        # What the loop would log is an exception with its text.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()

    def send(
        self,
        base: str,
        questions: Sequence[Question],
        headers: Mapping[str, str],
        tell: Callable[[tuple[int, Reply]], None],
    ) -> Callable[[], None]:
        """Send all, and `tell` each one's number and reply, from another thread; returns what gives up the rest."""
        tasks: list[asyncio.Task[None]] = []

        async def one(number: int, question: Question) -> None:
            tell((number, await self._reply(base, question, headers)))

        def start() -> None:
            tasks.extend(
                self._loop.create_task(one(number, question)) for number, question in enumerate(questions)
            )

        def give_up() -> None:
            self._soon(lambda: [task.cancel() for task in tasks])

        if not self._soon(start):
            for number in range(len(questions)):
                tell((number, Reply(trouble=Trouble.LOST)))
        return give_up

    def close(self) -> None:
        """End the thread and its connections, soon; what is still asked gets no reply."""
        if os.getpid() != self._process:
            # The thread is the parent's, and so is what tells it of news: not to be touched here.
            _LEFT_TO_THE_PARENT.append(self)
        elif self._soon(self._loop.stop) and threading.current_thread() is not self._thread:
            self._thread.join(_CLOSING_SECONDS)

    def _soon(self, call: Callable[[], object]) -> bool:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # closed
            return False
        return True

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connections(
                    self._read_seconds, limit=0, ssl=self._tls if self._tls is not None else True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                # Nothing is unpacked, so that a small answer cannot become a large one.
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            )
        return self._session

    async def _reply(self, base: str, question: Question, headers: Mapping[str, str]) -> Reply:
        try:
            async with asyncio.timeout(self._connect_seconds + self._read_seconds) as limit:
                _limit.set(limit)
                return await self._asked(base, question, headers)
        except TimeoutError:
            return Reply(trouble=Trouble.TIMED_OUT)
        except (OSError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            return Reply(trouble=Trouble.LOST)
        except Exception:  # whatever else a parser may say of bytes; its text may quote a key
            return Reply(trouble=Trouble.NOT_HTTP)

    async def _asked(self, base: str, question: Question, headers: Mapping[str, str]) -> Reply:
        async with self._opened().request(
            question.method,
            base + question.path,
            headers={**headers, **question.headers},
            data=question.body,
            allow_redirects=False,
        ) as response:
            body = b""
            async for part in response.content.iter_any():
                body += part
                if len(body) >= _LARGEST:
                    raise ValueError("The answer is too large.")
            if response.status < 200:  # 101: what follows is no HTTP
                raise ValueError("This is no answer.")
            return Reply(response.status, body)


_LEFT_TO_THE_PARENT: list[_Courier] = []


class _Connections(aiohttp.TCPConnector):
    """Kept connections, of which one that has something to say before it is asked is not asked again.

    It may say that it ends. Or it is an answer that nobody waits for, and whoever asks next would take it for theirs.
    """

    def __init__(self, read_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._read_seconds = read_seconds
        self._used: weakref.WeakSet[object] = weakref.WeakSet()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Any:
        """A connection that is new or silent. The request is sent at once, and its answer has `read_seconds`."""
        while True:
            connection = await super().connect(req, traces, timeout)
            is_new = connection.protocol not in self._used
            if is_new or not _has_news(connection):
                self._used.add(connection.protocol)
                limit, until = _limit.get(), asyncio.get_running_loop().time() + self._read_seconds
                limit.reschedule(min(until, limit.when() or until))
                return connection
            connection.close()


def _has_news(connection: Any) -> bool:
    """Whether something has arrived, be it read already or not."""
    if connection.protocol.should_close:
        return True
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
