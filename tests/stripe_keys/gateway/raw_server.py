"""A server of raw bytes on loopback: each path has its own manners, good and bad."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"object":"list"}'


class RawServer:
    """Takes connections in threads of its own; counts them and those it ended, and keeps the head of every request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.connections = self.ended = 0
        self.heads: list[str] = []
        self.go_on = threading.Event()
        self.unasked_was_said = threading.Event()
        self._asked_by: dict[socket.socket, str] = {}
        self._tls = tls
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._manners: dict[str, Callable[[socket.socket], bool]] = {
            "/late": self._late,
            "/trickle": self._trickle,
            "/hang": self._hang,
            "/hinted": self._hinted,
            "/unasked": self._unasked,
            "/fickle": self._fickle,
        }
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"

    def answers(self, path: str, answer: bytes, *, then_closes: bool = False) -> None:
        """Let it answer these bytes to requests for that path."""

        def manner(connection: socket.socket) -> bool:
            connection.sendall(answer)
            return not then_closes

        self._manners[path] = manner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._listening.close()
        for connection in self._open:
            connection.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while head := self._head(connection):
                self.heads.append(head)
                self._asked_by[connection] = head.split("Authorization: ")[1].split("\r\n")[0]
                if not self._manners.get(head.split()[1], _well)(connection):
                    break
            connection.shutdown(socket.SHUT_RDWR)
        self.ended += 1

    def _head(self, connection: socket.socket) -> str:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            more = connection.recv(4096)
            if not more:
                return ""
            received += more
        return received.decode()

    def _late(self, connection: socket.socket) -> bool:
        self.go_on.wait(10)
        return _well(connection)

    def _hang(self, connection: socket.socket) -> bool:
        return not self.go_on.wait(10)

    def _hinted(self, connection: socket.socket) -> bool:
        """An interim answer at once; later the answer, which is the key that asked."""
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n")
        self.go_on.wait(10)
        key = self._asked_by[connection].encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(key), key))
        return True

    def _unasked(self, connection: socket.socket) -> bool:
        """An answer; later, on the same connection, one more."""
        _well(connection)
        self.go_on.wait(10)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}")
        self.unasked_was_said.set()
        return True

    def _fickle(self, connection: socket.socket) -> bool:
        """An answer; at the next request the end."""
        _well(connection)
        return not self._head(connection)

    def _trickle(self, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not self.go_on.is_set():
            connection.sendall(b" ")
            time.sleep(0.01)
        return False


def _well(connection: socket.socket) -> bool:
    connection.sendall(ANSWER)
    return True
