"""Pieces of the bench of webhooks. All of it needs dj-stripe in an environment of its own: `make bench-webhooks`."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from bench.webhooks import bare, deliveries, sender, statements
from local_stack.problems import StackError
from tests.people import a_signing_secret
from tests.webhooks.deliveries import JSON, header_for

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ACCOUNTS = ["acct_1BenchTests00", "acct_1BenchTests01"]


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """The port of a server that gives one answer after the other; to an empty one it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=[server, list(answers)])
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def _answer(server: socket.socket, answers: list[bytes]) -> None:
    while answers:
        link, _ = server.accept()
        with link:
            while answers and link.recv(65536):
                answer = answers.pop(0)
                link.sendall(answer)
                if not answer:
                    break


def test_every_request_is_answered_and_timed() -> None:
    with answering(OK, OK, OK) as port:
        sent = sender.send([b"one", b"two", b"three"], port=port, connections=1)

    assert (sent.count, len(sent.latencies), sent.repeated) == (3, 3, 0)


def test_request_is_sent_again_where_somebody_hung_up() -> None:
    with answering(OK, b"", OK) as port:
        sent = sender.send([b"one", b"two"], port=port, connections=1)

    assert (len(sent.latencies), sent.repeated) == (2, 1)


def test_refused_delivery_ends_the_measurement() -> None:
    with (
        answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port,
        pytest.raises(StackError, match="400"),
    ):
        sender.send([b"one"], port=port, connections=1)


def test_bodies_are_of_one_size_and_unique() -> None:
    bodies = deliveries.snapshots(6, ACCOUNTS)

    assert {len(body) for body in bodies} == {deliveries.SNAPSHOT_BYTES}
    assert len(set(bodies)) == 6


@pytest.mark.django_db
def test_bare_view_keeps_what_was_signed_and_nothing_else(settings: Settings) -> None:
    secret = a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [f"events:{secret}"]
    settings.ROOT_URLCONF = "bench.webhooks.bare"
    [body] = deliveries.snapshots(1, ACCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute(bare.CREATE_TABLE)

    statuses = [
        Client()
        .post("/bench/bare/", body, content_type=JSON, headers={"Stripe-Signature": header})
        .status_code
        for header in (header_for(body, secret=secret), header_for(body, secret=a_signing_secret()))
    ]

    assert statuses == [200, 400]
    assert [row.body for row in bare.Delivery._base_manager.all()] == [body.decode()]


def test_statements_are_read_out_of_the_log() -> None:
    log = "t LOG:  statement: \nt LOG:  statement: \n\tINSERT INTO x\n\tVALUES (1)\nt LOG:  execute a: SELECT 1\n"

    assert statements.found_in(log) == ["", "INSERT INTO x", "SELECT 1"]


def test_rival_has_the_sites_own_versions_but_for_stripes_library() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==\S+", Path("requirements", name).read_text(), re.MULTILINE))

    ours, theirs = pins("base.txt"), pins("bench-djstripe.txt")

    assert {pin.partition("==")[0] for pin in ours ^ theirs} == {"stripe", "dj-stripe"}
    assert "dj-stripe==2.11.0" in theirs
