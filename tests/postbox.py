"""A tiny web server that receives what the simulator delivers, for tests of either side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe

from tests.simulator import until


@dataclass(frozen=True)
class Letter:
    """One delivery as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signature(self) -> str:
        return self.headers.get("stripe-signature", "")

    def verifies(self, secret: str, tolerance: int | None = 300) -> bool:
        """Say whether the stock SDK accepts the signature; without a tolerance it does not look at the age."""
        try:
            stripe.WebhookSignature.verify_header(self.body, self.signature, secret, tolerance)
        except stripe.SignatureVerificationError:
            return False
        return True


@dataclass
class Postbox:
    """What arrived, and how the next letters are answered."""

    url: str = ""
    letters: list[Letter] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the coming answers, in order; 200 once they are used up."""

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Letter]:
        """Return the letters once there are at least that many."""
        until(lambda: len(self.letters) >= count, seconds=seconds)
        return list(self.letters)


@contextmanager
def open_postbox() -> Iterator[Postbox]:
    """Run the server on a free port of 127.0.0.1 for as long as the block lasts."""
    box = Postbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            box.letters.append(Letter(self.path, headers, body))
            status = box.answers.pop(0) if box.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/moved")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.url = f"http://127.0.0.1:{server.server_port}/hooks/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
