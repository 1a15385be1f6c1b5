"""The door behind a real gunicorn, which decides what becomes of bodies with odd lengths."""

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from tests import people, production
from tests.simulator import until
from tests.webhooks.deliveries import a_notification, encoded, header_for
from webhooks.models import EventNotification

pytestmark = pytest.mark.processes
PATIENCE_SECONDS = 1.5
ANSWER_SECONDS = 2.0
PROCESSES, SERVES = 2, "One more process serves."
ADDRESS = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where gunicorn writes what it says."""
    return tmp_path / "gunicorn.log"


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    """The site's configuration of gunicorn, with less patience than production has."""
    configuration = tmp_path / "impatient.py"
    production_s = (production.PROJECT / "partner_site" / "gunicorn.py").read_text()
    hurry = (
        "from partner_site import web_worker\nfrom partner_site.database import answers\n\n"
        f"web_worker.PATIENCE_SECONDS = {PATIENCE_SECONDS}\nanswers.WEB_SECONDS = {ANSWER_SECONDS}\n"
        f"\n\ndef post_worker_init(worker):\n    worker.log.info({SERVES!r})\n"
    )
    configuration.write_text(f"{production_s}\n{hurry}")
    return configuration


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home directory of whoever serves."""
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def port(transactional_db: None, signing_secret: str, log: Path, impatient: Path) -> Iterator[int]:
    """The port of a gunicorn that serves this site with the tests' database."""
    with serving(impatient, log, signing_secret) as found:
        yield found


@contextlib.contextmanager
def serving(configuration: Path, log: Path, signing_secret: str, **environment: str) -> Iterator[int]:
    """A gunicorn with that configuration; its port."""
    env = production.environment(
        SITE_ENVIRONMENT="test",
        SITE_URL="http://127.0.0.1:8000",
        STRIPE_WEBHOOK_SECRETS=f"events:{signing_secret}",
        **environment,
    )
    command = [sys.executable, "-m", "gunicorn", "-c", str(configuration), "-b", "127.0.0.1:0"]
    with log.open("w") as written:
        server = subprocess.Popen(
            [*command, "partner_site.wsgi"],
            cwd=production.PROJECT,
            env=env,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        found = until(lambda: ADDRESS.search(log.read_text()), seconds=20)
        until(lambda: log.read_text().count(SERVES) == PROCESSES, seconds=30)
        yield int(found[1])
    finally:
        server.terminate()
        server.wait(timeout=30)


def answer(
    port: int, *lines: str, body: bytes = b"", give_up: bool = False, path: str = "/webhooks/stripe/"
) -> int:
    """The status that a request written by hand is answered with; with `give_up` the sender stops in the middle."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        with contextlib.suppress(ConnectionError):  # whoever refuses a body may stop listening to it
            link.sendall(head + body)
        if give_up:
            link.shutdown(socket.SHUT_WR)
        return int(link.makefile("rb").readline().split()[1])


def test_odd_lengths_are_refused_and_a_good_delivery_is_taken(port: int, home: Path) -> None:
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
    assert list(home.rglob("*")) == []


def test_sender_who_takes_for_ever_is_cut_off(port: int) -> None:
    head = f"POST /webhooks/stripe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nStripe-Signature: {header_for(b'')}\r\n"
    began = time.monotonic()

    for beginning in (head[:40], f"{head}Content-Length: 1000\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
            link.sendall(beginning.encode("latin-1"))
            link.settimeout(0.2)
            heard = hear_while_dripping(link)

        assert heard.startswith(b"HTTP/1.1 400 ") or heard == b""
    assert time.monotonic() - began < 2 * (PATIENCE_SECONDS + 3)


def hear_while_dripping(link: socket.socket) -> bytes:
    """What is answered to somebody who sends a byte now and then, at the end of the connection."""
    heard = b""
    for _ in range(100):
        try:
            link.sendall(b"x")
            heard += (said := link.recv(1000))
        except TimeoutError:
            continue
        except OSError:
            return heard
        if not said:
            return heard
    raise AssertionError("Nobody hung up.")


def test_headers_move_the_site_nowhere(port: int) -> None:
    for header in ("SCRIPT_NAME: /x", "SCRIPT_NAME: /webhooks", "PATH_INFO: /ops/"):
        assert answer(port, header, "Content-Length: 2", "Stripe-Signature: x", body=b"{}") == 400
        assert answer(port, header, path="/healthz") == 403  # no token: it was reached


def test_process_whose_threads_are_taken_leaves_the_rest_to_others(port: int) -> None:
    """Two processes of eight threads: with fifteen taken, one is always free."""
    head = "POST /webhooks/stripe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    head += f"Stripe-Signature: {header_for(b'')}\r\n\r\n"
    waited: list[float] = []
    with contextlib.ExitStack() as senders:
        for _ in range(15):
            link = senders.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            link.sendall(head.encode("latin-1"))

        for _ in range(20):
            began = time.monotonic()
            assert answer(port, "Content-Length: 2", "Stripe-Signature: x", body=b"{}") == 400
            waited.append(time.monotonic() - began)

    assert max(waited) < PATIENCE_SECONDS


def test_unsigned_bodies_that_are_really_sent_leave_nothing(port: int) -> None:
    two, one = b"x" * 2_097_152, b"x" * 1_048_576
    false = f"Stripe-Signature: t={int(time.time())},v1={'0' * 64}"
    before = stored_bytes()

    answers = [
        *(answer(port, false, f"Content-Length: {len(two)}", body=two) for _ in range(20)),
        *(answer(port, false, f"Content-Length: {len(one)}", body=one) for _ in range(20)),
    ]

    assert answers == [413] * 20 + [400] * 20
    assert stored_bytes() == before


def stored_bytes() -> int:
    """What all the tables of the inbox take up, with their indexes."""
    tables = [model._meta.db_table for model in apps.get_app_config("webhooks").get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) name", [tables]
        )
        return int(cursor.fetchone()[0])


REFUSED = {
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: {}": 417,
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {}": 501,
    "{}": 400,
    "G\x00{} / HTTP/1.1\r\nHost: a": 400,
    "GET / HTTP/{}\r\nHost: a": 400,
    "GET http://{}.example.com/ HTTP/1.1\r\nHost: 127.0.0.1": 400,
    "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}": 400,
    "GET / HTTP/1.1\r\nHost: a\r\n{} : b": 400,
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}": 400,
    "GET /{} HTTP/1.1\r\nHost: a\r\n" + "A: b\r\n" * 70: 431,
    "GET /{}" + "a" * 5000 + " HTTP/1.1\r\nHost: a": 414,
}


def test_what_gunicorn_refuses_by_itself_is_not_quoted(port: int, log: Path) -> None:
    key = people.a_restricted_key(livemode=True)
    answers = {}

    for shape in REFUSED:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
            link.sendall(shape.replace("{}", key).encode("latin-1") + b"\r\n\r\n")
            answers[shape] = link.makefile("rb").read().decode("latin-1")

    assert {shape: int(answer.split()[1]) for shape, answer in answers.items()} == REFUSED
    assert "<title>Expectation Failed</title>" in answers["GET / HTTP/1.1\r\nHost: a\r\nExpect: {}"]
    assert key[8:].lower() not in "".join(answers.values()).lower()
    assert "Refused a request: 417 ExpectationFailed" in log.read_text()
    assert key[8:].lower() not in log.read_text().lower()
