"""A small TCP proxy that can be the network on a bad day: it passes, drops, delays, resets or refuses."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from local_stack.ports import LOOPBACK, free_port

Mode = Literal["pass", "drop", "refuse"]
_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_CHUNK = 65_536


class Proxy:
    """Stands before one server on loopback; a context manager. What it does can be changed at any moment.

    - `pass`: everything goes through, each chunk after `delay` seconds.
    - `drop`: connections stay open, or are taken, and nothing goes through: half-open, as when a firewall forgets.
      What was sent meanwhile is gone, so a connection that fell silent never recovers.
    - `refuse`: nobody listens. Connections that are open stay so.

    `reset()` ends every open connection with a TCP reset.
    """

    def __init__(self, address: str) -> None:
        target = urlsplit(address)
        self._target = (target.hostname or LOOPBACK, target.port or 0)
        self._address = target
        self.port = free_port()
        self.mode: Mode = "pass"
        self.delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The server's address, but through here."""
        login = self._address.netloc.rpartition("@")[0]
        return self._address._replace(netloc=f"{login}@{LOOPBACK}:{self.port}").geturl()

    def become(self, mode: Mode) -> None:
        """Change what happens from now on."""
        self._do(self._become(mode)).result(10)

    def reset(self) -> None:
        """End every open connection with a TCP reset."""
        self._do(self._reset()).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        self.become("pass")
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    async def _become(self, mode: Mode) -> None:
        self.mode = mode
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        elif mode != "refuse" and self._server is None:
            self._server = await asyncio.start_server(self._take, LOOPBACK, self.port)

    async def _reset(self) -> None:
        for writer in list(self._open):
            taken: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
            writer.transport.abort()

    async def _close(self) -> None:
        await self._become("refuse")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            answers, there = await asyncio.open_connection(*self._target)
            await asyncio.gather(self._carry(reader, there), self._carry(answers, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side is gone
        finally:
            self._open.discard(writer)
            for each in (writer, there):
                if each is not None:
                    each.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        is_lost = False
        while chunk := await source.read(_CHUNK):
            is_lost = is_lost or self.mode == "drop"
            if is_lost:
                continue
            if self.delay:
                await asyncio.sleep(self.delay)
            to.write(chunk)
            await to.drain()
        if not is_lost:
            raise ConnectionResetError  # one side has closed, so both do
