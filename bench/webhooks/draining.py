"""How fast workers process what lies there, when Stripe takes its time over every event that is fetched."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from django.db import connection
from django.db.models import Count, Max, Min
from django.db.models.functions import Now

from bench.validation.processes import running
from bench.validation.recording import record
from bench.validation.seeding import open_shops
from bench.validation.stand_in import ids_of
from bench.webhooks import deliveries
from bench.webhooks.contenders import Door
from bench.webhooks.rounds import empty, rows_of
from bench.webhooks.sizes import Backlog
from local_stack.lifetimes import wait_until
from local_stack.ports import free_port
from local_stack.problems import StackError
from stripe_keys import catalogue
from stripe_keys.models import Validation
from webhooks.models import EventNotification

LATENCY_SECONDS = 0.05
WORKERS = os.cpu_count() or 1
PATIENCE_SECONDS = 300.0
# Stripe's limit for the app's key, lifted and as the site has it for live mode; what is sent here is of test mode.
LIFTED, LIMIT_OF_LIVE_MODE = "1000000", "100"
_HOLD_CHECKS_BACK = """
    CREATE FUNCTION bench_later() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.due_at := NEW.due_at + interval '1 day'; RETURN NEW; END $$;
    CREATE TRIGGER bench_later BEFORE INSERT OR UPDATE OF due_at ON stripe_keys_validation
    FOR EACH ROW EXECUTE FUNCTION bench_later()"""
_LET_CHECKS_GO = "DROP TRIGGER bench_later ON stripe_keys_validation; DROP FUNCTION bench_later()"


@dataclass(frozen=True, slots=True)
class Drained:
    """Events per second: as they came in with workers off, and as they were processed from the first to the last.

    CPU is that of the workers alone, in seconds per event; `checks` is how many ended meanwhile.
    """

    backlog: Backlog
    in_per_second: float
    out_per_second: float
    cpu: float
    checks: int
    outcomes: dict[str, int]


def measure(
    door: Door, backlog: Backlog, folder: Path, *, limit: str = LIFTED, with_checks: bool = True
) -> Drained:
    """Take thin notifications about connected accounts with workers off, then process them all.

    The checks of keys that they make due are done beside them, or held back for a day.
    """
    accounts = [ids_of(shop.token)[0] for shop in open_shops(backlog.accounts)]
    empty(door.kind.table)
    empty(Validation._meta.db_table)
    sent = door.take(deliveries.notifications(backlog.events, accounts))
    EventNotification.objects.update(due_at=Now() + timedelta(days=1))  # nobody begins before all are there
    with _stripe(folder) as stripe, ExitStack() as stack:
        if not with_checks:
            stack.enter_context(_checks_held_back())
        environment = {"STRIPE_API_BASE": stripe, "STRIPE_RATE_TEST": limit}
        workers = [stack.enter_context(_worker(number, folder, environment)) for number in range(WORKERS)]
        before = _cpu_of(workers)
        EventNotification.objects.update(due_at=Now())
        if not wait_until(_all_have_ended, seconds=PATIENCE_SECONDS, every=0.05):
            raise StackError(f"Events were not processed within {PATIENCE_SECONDS:.0f} s.")
        cpu = _cpu_of(workers) - before
        return _drained(door, backlog, sent.per_second, cpu)


def _drained(door: Door, backlog: Backlog, in_per_second: float, cpu: float) -> Drained:
    if rows_of(door.kind.table) != backlog.events:
        raise StackError("Events that were taken are gone.")
    events = EventNotification.objects.all()
    ended = events.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    seconds = (ended["last"] - ended["first"]).total_seconds()
    later = events.filter(
        finished_at__gt=ended["first"]
    ).count()  # those of the first moment took no part of it
    outcomes = events.values_list("outcome").annotate(Count("pk")).order_by("outcome")
    checks = Validation.objects.filter(finished_at__lte=ended["last"]).count()
    return Drained(backlog, in_per_second, later / seconds, cpu / backlog.events, checks, dict(outcomes))


def _all_have_ended() -> bool:
    return not EventNotification.objects.exclude(state__in=["done", "dead"]).exists()


def _cpu_of(workers: list[psutil.Process]) -> float:
    times = [worker.cpu_times() for worker in workers]
    return sum(each.user + each.system for each in times)


@contextmanager
def _checks_held_back() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_CHECKS_BACK)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_LET_CHECKS_GO)


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
def _worker(number: int, folder: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "celery", "-A", "partner_site", "worker"]
    command += ["--without-gossip", "--without-mingle", "--hostname", f"bench{number}@%h"]
    log = folder / f"worker-{number}.log"
    with running(command, log=log, ready=" ready.", **environment) as process:
        yield psutil.Process(process.pid)
