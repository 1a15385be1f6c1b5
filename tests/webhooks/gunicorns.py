"""This site behind a real gunicorn, with the tests' database: one for a whole file of tests."""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from tests import people, production
from tests.simulator import until

PATIENCE_SECONDS = 1.5
ANSWER_SECONDS = 2.0
PROCESSES, SERVES = 2, "One more process serves."
ADDRESS = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Gunicorn:
    """One that serves: its port, the secret that deliveries to it are signed with, its log, and its home directory."""

    port: int
    signing_secret: str
    log: Path
    home: Path


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Gunicorn]:
    """A gunicorn whose files are in that folder; nobody else's are there."""
    secret, log, home = people.a_signing_secret(), folder / "gunicorn.log", folder / "home"
    home.mkdir()
    env = production.environment(
        SITE_ENVIRONMENT="test",
        SITE_URL="http://127.0.0.1:8000",
        STRIPE_WEBHOOK_SECRETS=f"events:{secret}",
        HOME=str(home),
        **environment,
    )
    command = [sys.executable, "-m", "gunicorn", "-c", str(impatient(folder)), "-b", "127.0.0.1:0"]
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
        yield Gunicorn(int(found[1]), secret, log, home)
    finally:
        server.terminate()
        server.wait(timeout=30)


def impatient(folder: Path) -> Path:
    """The site's configuration of gunicorn, with less patience than production has."""
    configuration = folder / "impatient.py"
    production_s = (production.PROJECT / "partner_site" / "gunicorn.py").read_text()
    hurry = (
        "from partner_site import web_worker\nfrom partner_site.database import answers\n\n"
        f"web_worker.PATIENCE_SECONDS = {PATIENCE_SECONDS}\nanswers.WEB_SECONDS = {ANSWER_SECONDS}\n"
        f"\n\ndef post_worker_init(worker):\n    worker.log.info({SERVES!r})\n"
    )
    configuration.write_text(f"{production_s}\n{hurry}")
    return configuration


@pytest.fixture(scope="module")
def started(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A gunicorn, as long as the tests of a file last."""
    with serving(tmp_path_factory.mktemp("gunicorn")) as found:
        yield found


@pytest.fixture
def gunicorn(started: Gunicorn, transactional_db: None, settings: Settings) -> Gunicorn:
    """A gunicorn that serves this site; deliveries are signed for it."""
    settings.STRIPE_WEBHOOK_SECRETS = [f"events:{started.signing_secret}"]
    return started


@pytest.fixture
def port(gunicorn: Gunicorn) -> int:
    """The port of a gunicorn that serves this site."""
    return gunicorn.port


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
