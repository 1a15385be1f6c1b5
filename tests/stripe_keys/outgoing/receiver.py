"""One of the partner's own systems: a little HTTP server that takes signed messages, or does not."""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


def a_secret() -> str:
    """A signing secret of Standard Webhooks, made now."""
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


@dataclass(frozen=True)
class Arrival:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> dict[str, Any]:
        """The message, verified with the library; raises WebhookVerificationError."""
        told: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return told


@dataclass
class Receiver:
    """What came, and what is answered: a status, or a way not to answer."""

    port: int = 0
    secret: str = field(default_factory=a_secret)
    answers: list[int | str] = field(default_factory=list)
    """Taken one by one, the last one for ever: a status, `trickle`, `hang`, `endless` or `astray`."""
    arrivals: list[Arrival] = field(default_factory=list)
    most_at_once: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/from-ledgerline?token=of-the-address"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a site tells it."""
        return {
            "PARTNER_WEBHOOKS": f"ledger={self.url}",
            "PARTNER_WEBHOOK_SECRETS": f"ledger:{self.secret}",
        }

    def come(self, arrival: Arrival) -> int | str:
        """Note a request; what to answer."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.arrivals.append(arrival)
            if len(self.answers) > 1:
                return self.answers.pop(0)
            return self.answers[0] if self.answers else 204

    def gone(self) -> None:
        """A request was answered."""
        with self._lock:
            self._now -= 1


class _Server(ThreadingHTTPServer):
    """Listens for one receiver."""

    daemon_threads = True

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver
        receiver.port = self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Take a message, or not."""
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = receiver.come(Arrival(self.path, dict(self.headers), body))
        try:
            self._answer(receiver, answer)
        except OSError:
            pass  # whoever asked has hung up
        finally:
            receiver.gone()

    do_GET = do_POST  # noqa: N815 # the base class's name, for whoever follows a redirect

    def _answer(self, receiver: Receiver, answer: int | str) -> None:
        if answer == "trickle":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not receiver.released.wait(0.05):
                self.wfile.write(b"X")
            return
        if answer == "hang":
            receiver.released.wait(20)
            return
        if answer == "endless":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n")
            while not receiver.released.wait(0.01):
                self.wfile.write(b"X" * 1000)
            return
        if answer == "astray":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n")
            return
        self.send_response(int(answer))
        if 300 <= int(answer) < 400:
            self.send_header("Location", f"{receiver.url}&redirected=1")
        self.send_header("Set-Cookie", "seen=1")
        self.send_header("Content-Length", "17")
        self.end_headers()
        self.wfile.write(b"a text of theirs\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
        """Nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    server = _Server(receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
