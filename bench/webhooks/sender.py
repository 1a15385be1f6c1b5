"""Sends prepared requests over connections that are kept alive, one at a time on each, and times every answer."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from local_stack.problems import StackError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Sent:
    """How long it all took, what each answer took, and what this process itself worked for it: seconds."""

    count: int
    seconds: float = 0.0
    own_cpu: float = 0.0
    repeated: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.count / self.seconds


async def _send_over_one(port: int, requests: Iterator[bytes], sent: Sent) -> None:
    """One request after the other; after a connection was closed, the same again over a new one, as Stripe does."""
    streams: Streams | None = None
    for request in requests:
        began = time.perf_counter()
        status = b""
        while not status:
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", port)
                status = await _answer(streams, request)
            except (ConnectionError, asyncio.IncompleteReadError):
                await _close(streams)
                streams = None
                sent.repeated += 1
                if sent.repeated > sent.count:
                    raise StackError("Connections are closed before anything is answered.") from None
        sent.latencies.append(time.perf_counter() - began)
        if status != b"200":
            await _close(streams)
            raise StackError(f"A delivery was answered {status.decode('latin-1')!r}.")
    await _close(streams)


async def _close(streams: Streams | None) -> None:
    if streams:
        streams[1].close()
        with suppress(ConnectionError):
            await streams[1].wait_closed()


async def _answer(streams: Streams, request: bytes) -> bytes:
    reader, writer = streams
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return head.split(b" ", 2)[1]


def send(requests: list[bytes], *, port: int, connections: int) -> Sent:
    """Send each once; StackError unless every one is answered 200."""
    sent = Sent(len(requests))
    cpu, began = time.process_time(), time.perf_counter()
    asyncio.run(_send(requests, port, connections, sent))
    sent.seconds, sent.own_cpu = time.perf_counter() - began, time.process_time() - cpu
    return sent


async def _send(requests: list[bytes], port: int, connections: int, sent: Sent) -> None:
    waiting = iter(requests)
    await asyncio.gather(*(_send_over_one(port, waiting, sent) for _ in range(connections)))
