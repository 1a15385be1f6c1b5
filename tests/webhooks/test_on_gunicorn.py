"""The door behind a real gunicorn, which decides what becomes of bodies with odd lengths."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import production
from tests.simulator import until
from tests.webhooks.deliveries import a_notification, encoded, header_for
from webhooks.models import EventNotification

pytestmark = pytest.mark.processes
ADDRESS = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@pytest.fixture
def port(transactional_db: None, signing_secret: str, tmp_path: Path) -> Iterator[int]:
    """The port of a gunicorn that serves this site with the tests' database."""
    env = production.environment(
        SITE_ENVIRONMENT="test",
        SITE_URL="http://127.0.0.1:8000",
        STRIPE_WEBHOOK_SECRETS=f"events:{signing_secret}",
    )
    log = tmp_path / "gunicorn.log"
    with log.open("w") as written:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "partner_site/gunicorn.py",
                "-b",
                "127.0.0.1:0",
                "partner_site.wsgi",
            ],
            cwd=production.PROJECT,
            env=env,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        found = until(lambda: ADDRESS.search(log.read_text()), seconds=20)
        yield int(found[1])
    finally:
        server.terminate()
        server.wait(timeout=30)


def answer(
    port: int, *lines: str, body: bytes = b"", give_up: bool = False, path: str = "/webhooks/stripe/"
) -> int:
    """The status that a request written by hand is answered with; with `give_up` the sender stops in the middle."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head + body)
        if give_up:
            connection.shutdown(socket.SHUT_WR)
        return int(connection.makefile("rb").readline().split()[1])


def test_odd_lengths_are_refused_and_a_good_delivery_is_taken(port: int) -> None:
    body = encoded(a_notification())
    signed = f"Stripe-Signature: {header_for(body)}"
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"

    assert answer(port, signed, "Transfer-Encoding: chunked", body=chunk) == 411
    assert answer(port, signed, "Content-Length: 10485760", body=b"{") == 413
    assert answer(port, signed, f"Content-Length: {len(body) + 9}", body=body, give_up=True) == 400
    assert answer(port, signed, f"Content-Length: {len(body) - 1}", body=body) == 400
    assert answer(port, signed, signed, f"Content-Length: {len(body)}", body=body) == 400
    assert answer(port, signed, "Content-Length: 0") == 400
    assert not EventNotification.objects.exists()

    assert answer(port, signed, f"Content-Length: {len(body)}", body=body, path="/webhooks/stripe") == 200
    assert EventNotification.objects.count() == 1
