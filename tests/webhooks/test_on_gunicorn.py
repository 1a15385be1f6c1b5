"""The door behind a real gunicorn, which decides what becomes of bodies with odd lengths."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import people, production
from tests.simulator import until
from tests.webhooks.deliveries import a_notification, encoded, header_for
from webhooks.models import EventNotification

pytestmark = pytest.mark.processes
ADDRESS = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where gunicorn writes what it says."""
    return tmp_path / "gunicorn.log"


@pytest.fixture
def port(transactional_db: None, signing_secret: str, log: Path) -> Iterator[int]:
    """The port of a gunicorn that serves this site with the tests' database."""
    env = production.environment(
        SITE_ENVIRONMENT="test",
        SITE_URL="http://127.0.0.1:8000",
        STRIPE_WEBHOOK_SECRETS=f"events:{signing_secret}",
    )
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


REFUSED = {
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: {}": 417,
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {}": 501,
    "{}": 400,
    "G\x00{} / HTTP/1.1\r\nHost: a": 400,
    "GET / HTTP/{}\r\nHost: a": 400,
    "GET / HTTP/1.1\r\nHost: a\r\n{} : b": 400,
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}": 400,
    "GET /{} HTTP/1.1\r\nHost: a\r\n" + "A: b\r\n" * 70: 431,
    "GET /{}" + "a" * 5000 + " HTTP/1.1\r\nHost: a": 414,
}


def test_what_gunicorn_refuses_by_itself_is_not_quoted(port: int, log: Path) -> None:
    key = people.a_restricted_key(livemode=True)
    answers = {}

    for shape in REFUSED:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(shape.replace("{}", key).encode("latin-1") + b"\r\n\r\n")
            answers[shape] = connection.makefile("rb").read().decode("latin-1")

    assert {shape: int(answer.split()[1]) for shape, answer in answers.items()} == REFUSED
    assert "<title>Expectation Failed</title>" in answers["GET / HTTP/1.1\r\nHost: a\r\nExpect: {}"]
    assert key[8:].lower() not in "".join(answers.values()).lower()
    assert "Refused a request: 417 ExpectationFailed" in log.read_text()
    assert key[8:].lower() not in log.read_text().lower()
