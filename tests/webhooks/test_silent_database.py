"""The door while the database says nothing, or keeps everybody waiting: refusals come soon, for everybody."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from tests import production
from tests.drills.proxy import Proxy
from tests.waiting import eventually
from tests.webhooks.deliveries import a_notification, encoded, header_for
from tests.webhooks.gunicorns import ANSWER_SECONDS, answer, gunicorn, port, serving, started

pytestmark = pytest.mark.processes
__all__ = ["gunicorn", "port", "started"]
# More than there are threads, so that somebody has to wait for those who wait.
SENDERS = 24


@pytest.fixture
def network(transactional_db: None) -> Iterator[Proxy]:
    """What lies between the site and its database."""
    with Proxy(production.environment()["DATABASE_URL"]) as lies:
        yield lies


def deliver(port: int) -> tuple[int, float]:
    """What one delivery is answered with, and how long that took."""
    body, began = encoded(a_notification()), time.monotonic()
    status = answer(port, f"Stripe-Signature: {header_for(body)}", f"Content-Length: {len(body)}", body=body)
    return status, time.monotonic() - began


def deliver_many(port: int) -> tuple[set[int], float]:
    """All answers, and the longest wait for one."""
    with ThreadPoolExecutor(SENDERS) as senders:
        told = list(senders.map(deliver, [port] * SENDERS))
    return {status for status, _ in told}, max(seconds for _, seconds in told)


def look(port: int, path: str) -> tuple[int, float]:
    """The same of a page for machines."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return int(link.makefile("rb").readline().split()[1]), time.monotonic() - began


def test_database_that_says_nothing_is_503_soon_and_the_rest_of_the_site_answers(
    network: Proxy, tmp_path: Path, settings: Settings
) -> None:
    with serving(tmp_path, DATABASE_URL=network.url) as site:
        port = site.port
        settings.STRIPE_WEBHOOK_SECRETS = [f"events:{site.signing_secret}"]
        assert deliver(port)[0] == 200
        network.become("drop")

        first, seconds = deliver_many(port)
        then, then_seconds = deliver_many(port)

        assert (first, then) == ({503}, {503})
        assert seconds < 2 * ANSWER_SECONDS
        assert then_seconds < 2 * ANSWER_SECONDS
        assert look(port, "/healthz") < (200, 1.0)
        assert answer(port, "Stripe-Signature: x", "Content-Length: 2", body=b"{}") == 400

        network.become("pass")
        eventually(lambda: deliver(port)[0] == 200, timeout=20)


def test_locked_table_is_503_soon_however_many_send(port: int) -> None:
    assert deliver(port)[0] == 200

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE webhooks_eventnotification IN ACCESS EXCLUSIVE MODE")
        first, seconds = deliver_many(port)
        then, then_seconds = deliver_many(port)
        ready, ready_seconds = look(port, "/readyz")

    assert (first, then) == ({503}, {503})
    assert max(seconds, then_seconds, ready_seconds) < 3
    assert ready == 503
    eventually(lambda: deliver(port)[0] == 200, timeout=20)
