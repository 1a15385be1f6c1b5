"""A Stripe that answers exactly what it is told to, over real HTTP: for what the simulator never says by itself."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT = "acct_1ScriptedStripe0"
KEY_ID = "mk_1ScriptedStripe00"
QUOTED = "Quagga"
"""A word in every message of this Stripe's, which must not get any further than the gateway."""


@dataclass(frozen=True)
class Reply:
    """One answer. `end` is how it goes wrong, if it does: reset, cut, hang or trickle."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    end: str = ""


def saying(body: object, status: int = 200) -> Reply:
    """An answer whose body is JSON."""
    return Reply(status, json.dumps(body).encode())


def refusal(status: int, message: str, *, code: str = "", kind: str = "invalid_request_error") -> Reply:
    """A refusal in Stripe's envelope."""
    error: dict[str, Any] = {"type": kind, "message": message}
    return saying({"error": error | ({"code": code} if code else {})}, status)


class ScriptedStripe:
    """The server; `answer` says what to reply to a path, `on_account` what to one that names an account, if given."""

    def __init__(self) -> None:
        self.answer: Callable[[str], Reply] = lambda _: Reply(500)
        self.on_account: Reply | None = None
        self.asked: list[str] = []
        self.closing = threading.Event()
        stripe = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stripe.asked.append(self.path)
                on_account = stripe.on_account if self.headers.get("Stripe-Account") else None
                stripe.send(self, on_account or stripe.answer(self.path))

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def send(self, request: BaseHTTPRequestHandler, reply: Reply) -> None:
        """Send one answer, or what is to become of it."""
        request.close_connection = bool(reply.end)
        if reply.end == "hang":
            self.closing.wait(30)
        elif reply.end == "reset":
            linger = struct.pack("ii", 1, 0)  # for no time at all: the close is a reset
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()
        else:
            announced = len(reply.body) + (1000 if reply.end else 0)
            head = [f"HTTP/1.1 {reply.status} Said", f"Content-Length: {announced}"]
            head += [f"{name}: {value}" for name, value in reply.headers]
            request.wfile.write("\r\n".join([*head, "", ""]).encode() + reply.body)
            while reply.end == "trickle" and not self.closing.wait(0.05):
                request.wfile.write(b" ")


@contextmanager
def running() -> Iterator[ScriptedStripe]:
    """A scripted Stripe for the block."""
    stripe = ScriptedStripe()
    thread = threading.Thread(target=stripe.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stripe
    finally:
        stripe.closing.set()
        stripe.server.shutdown()
        stripe.server.server_close()
        thread.join()
