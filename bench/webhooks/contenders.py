"""Who takes events in: four ways, each behind the same server where it has one, each counted by the rows it leaves."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
from django.core.management import call_command

from bench.validation.processes import running
from bench.webhooks import bare, deliveries
from bench.webhooks.sender import Sent, send
from bench.webhooks.sizes import CLIENTS
from local_stack.folders import PROJECT
from local_stack.pinned import python_with
from local_stack.ports import free_port
from local_stack.problems import StackError

OURS, BARE, BARE_SHORT, DJSTRIPE = "ours", "bare view", "bare, short way", "dj-stripe"


@dataclass(frozen=True, slots=True)
class Kind:
    """A door: which Python, settings and address, and the table that its rows lie in."""

    name: str
    python: Path
    settings: str
    path: str
    table: str


def kinds(djstripe_python: Path, endpoint: str) -> list[Kind]:
    """Everybody with a door."""
    ours = Path(sys.executable)
    return [
        Kind(OURS, ours, "partner_site.settings", "/webhooks/stripe/", "webhooks_eventnotification"),
        Kind(BARE, ours, "bench.webhooks.bare_settings", bare.ADDRESS, "bench_delivery"),
        Kind(BARE_SHORT, ours, "bench.webhooks.bare_short_settings", bare.ADDRESS, "bench_delivery"),
        Kind(
            DJSTRIPE,
            djstripe_python,
            "bench.webhooks.djstripe_settings",
            f"/bench/djstripe/webhook/{endpoint}/",
            "djstripe_webhookeventtrigger",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Door:
    """One that is open: gunicorn with the site's own configuration."""

    kind: Kind
    port: int
    server: psutil.Process

    @classmethod
    @contextmanager
    def opened(cls, kind: Kind, folder: Path) -> Iterator["Door"]:
        """As long as the block runs."""
        port = free_port()
        command = [kind.python, "-m", "gunicorn", "-c", "partner_site/gunicorn.py", "partner_site.wsgi"]
        with running(
            [str(part) for part in command],
            log=folder / f"{kind.name.replace(' ', '-')}.log",
            ready="Listening at",
            DJANGO_SETTINGS_MODULE=kind.settings,
            WEB_BIND=f"127.0.0.1:{port}",
        ) as process:
            door = cls(kind, port, psutil.Process(process.pid))
            door.take(deliveries.snapshots(4 * CLIENTS, ["acct_1WarmingWarmingW"]))
            yield door

    def take(self, bodies: list[bytes], *, connections: int = CLIENTS) -> Sent:
        """Have all of them delivered; what they are signed with is the first secret of the site."""
        secret = os.environ["STRIPE_WEBHOOK_SECRETS"].split(",")[0].partition(":")[2]
        requests = deliveries.as_requests(bodies, path=self.kind.path, host="127.0.0.1:8000", secret=secret)
        return send(requests, port=self.port, connections=connections)


class DjStripe:
    """dj-stripe's own virtual environment, made once for each state of its pins."""

    def __init__(self) -> None:
        self.python = python_with("bench-djstripe")
        self.endpoint = str(uuid4())

    def lay_out(self) -> None:
        """Migrate the site's tables and dj-stripe's, and store an endpoint that verifies signatures."""
        call_command("migrate", interactive=False, verbosity=0)
        of_djstripe = {"DJANGO_SETTINGS_MODULE": "bench.webhooks.djstripe_settings"}
        _run(
            [self.python, "manage.py", "migrate", "--run-syncdb", "--no-input", "--verbosity", "0"],
            **of_djstripe,
        )
        _run([self.python, "-m", "bench.webhooks.djstripe_endpoint", self.endpoint], **of_djstripe)


def _run(command: list[str | Path], **environment: str) -> None:
    ended = subprocess.run(
        [os.fspath(part) for part in command],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise StackError(f"{' '.join(map(str, command[1:4]))} failed:\n{ended.stderr[-2000:]}")
