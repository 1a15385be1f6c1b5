"""How fast workers process what lies there, when Stripe takes its time over every event that is fetched."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Count, Max, Min

from bench.validation.processes import running
from bench.validation.recording import record
from bench.validation.seeding import open_shops
from bench.validation.stand_in import ids_of
from bench.webhooks import deliveries
from bench.webhooks.contenders import Door
from bench.webhooks.rounds import empty, rows_of
from bench.webhooks.sizes import Sizes
from local_stack.lifetimes import wait_until
from local_stack.ports import free_port
from local_stack.problems import StackError
from stripe_keys import catalogue
from webhooks.models import EventNotification

LATENCY_SECONDS = 0.05
WORKERS = 2  # as many as there are web processes
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Drained:
    """Events per second: as they came in with workers off, and as they were processed from the first to the last."""

    in_per_second: float
    out_per_second: float
    outcomes: dict[str, int]


def measure(door: Door, sizes: Sizes, folder: Path) -> Drained:
    """Take thin notifications about connected accounts with workers off, then process them all."""
    accounts = [ids_of(shop.token)[0] for shop in open_shops(sizes.accounts)]
    empty(door.kind.table)
    sent = door.take(deliveries.notifications(sizes.drained, accounts))
    with _stripe(folder) as stripe, ExitStack() as workers:
        for number in range(WORKERS):
            workers.enter_context(_worker(number, folder, stripe))
        if not wait_until(_all_have_ended, seconds=PATIENCE_SECONDS, every=0.2):
            raise StackError(f"Events were not processed within {PATIENCE_SECONDS:.0f} s.")
    if rows_of(door.kind.table) != sizes.drained:
        raise StackError("Events that were taken are gone.")
    ended = EventNotification.objects.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    seconds = (ended["last"] - ended["first"]).total_seconds()
    outcomes = EventNotification.objects.values_list("outcome").annotate(Count("pk")).order_by("outcome")
    return Drained(sent.per_second, sizes.drained / seconds, dict(outcomes))


def _all_have_ended() -> bool:
    return not EventNotification.objects.exclude(state__in=["done", "dead"]).exists()


@contextmanager
def _stripe(folder: Path) -> Iterator[str]:
    recording, port = folder / "recording.json", free_port()
    questions = [(probe.method, probe.path) for probe in catalogue.PROBES.values()]
    recording.write_text(record(questions, folder).as_json())
    command = [
        sys.executable,
        "-m",
        "bench.webhooks.stand_in",
        str(recording),
        str(port),
        str(LATENCY_SECONDS),
    ]
    with running(command, log=folder / "stand_in.log", ready="ready"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _worker(number: int, folder: Path, stripe: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "partner_site", "worker"]
    command += ["--without-gossip", "--without-mingle", "--hostname", f"bench{number}@%h"]
    log = folder / f"worker-{number}.log"
    with running(command, log=log, ready=" ready.", STRIPE_API_BASE=stripe):
        yield
