"""Sends prepared requests over connections that are kept alive, one at a time on each, and times every answer."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from local_stack.problems import StackError


@dataclass(slots=True)
class Sent:
    """How long it all took, what each answer took, and what this process itself worked for it: seconds."""

    count: int
    seconds: float = 0.0
    own_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.count / self.seconds


class _Connection(asyncio.Protocol):
    """Writes the next request as soon as the last one is answered."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self._requests, self._latencies = requests, latencies
        self._received = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 # it is a TCP client
        self._transport = transport
        self._write_next()

    def _write_next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return
        self._received = b""
        self._latencies.append(time.perf_counter() - self._began)
        if not head.startswith(b"HTTP/1.1 200 "):
            status = head.partition(b"\r\n")[0].decode("latin-1")
            self._fail(f"A delivery was answered {status!r}.")
            return
        self._write_next()

    def connection_lost(self, problem: Exception | None) -> None:
        self._fail("A connection was closed before everything was sent.")

    def _fail(self, words: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(StackError(words))


def _length(head: bytes) -> int:
    fields = head.lower().partition(b"content-length:")[2]
    return int(fields.partition(b"\r\n")[0] or b"0")


def send(requests: list[bytes], *, port: int, connections: int) -> Sent:
    """Send each once; StackError unless every one is answered 200."""
    sent = Sent(len(requests))
    cpu, began = time.process_time(), time.perf_counter()
    asyncio.run(_send(requests, port, connections, sent.latencies))
    sent.seconds, sent.own_cpu = time.perf_counter() - began, time.process_time() - cpu
    return sent


async def _send(requests: list[bytes], port: int, connections: int, latencies: list[float]) -> None:
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(waiting, latencies), "127.0.0.1", port)
        for _ in range(min(connections, len(requests)))
    ]
    await asyncio.gather(*(protocol.ended for _, protocol in opened))
