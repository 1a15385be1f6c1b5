"""The door behind a real gunicorn, which decides what becomes of bodies with odd lengths."""

import contextlib
import socket
import time

import pytest
from django.apps import apps
from django.db import connection

from tests import people
from tests.webhooks.deliveries import a_notification, encoded, header_for
from tests.webhooks.gunicorns import PATIENCE_SECONDS, Gunicorn, answer, gunicorn, port, started
from webhooks.models import EventNotification

pytestmark = pytest.mark.processes
__all__ = ["gunicorn", "port", "started"]


def test_odd_lengths_are_refused_and_a_good_delivery_is_taken(gunicorn: Gunicorn) -> None:
    port = gunicorn.port
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
    assert list(gunicorn.home.rglob("*")) == []


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
    assert stored_bytes() <= before
    assert not EventNotification.objects.exists()


def stored_bytes() -> int:
    """What the rows of all the inbox's tables take up, with their indexes; vacuuming adds nothing to that."""
    tables = [model._meta.db_table for model in apps.get_app_config("webhooks").get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_relation_size(pg_class.oid)) FROM pg_class LEFT JOIN pg_index ON indexrelid = pg_class.oid"
            " WHERE coalesce(indrelid, pg_class.oid) = ANY(%s::regclass[])",
            [tables],
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


def test_what_gunicorn_refuses_by_itself_is_not_quoted(gunicorn: Gunicorn) -> None:
    port, log = gunicorn.port, gunicorn.log
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
