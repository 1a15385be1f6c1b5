"""Every measurement in turn, as text; the last line has the figures that count."""

import signal
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from django.core.management import call_command
from django.db import connection, connections

from bench.vault import machine
from bench.webhooks import bare, deliveries, draining, pgbench, statements
from bench.webhooks.contenders import BARE, BARE_SHORT, DJSTRIPE, OURS, DjStripe, Door, kinds
from bench.webhooks.rounds import Found, empty, measure, rows_of
from bench.webhooks.sizes import CLIENTS, Sizes
from local_stack.lifetimes import end_child
from local_stack.problems import StackError
from local_stack.servers import ThrowAwayServers


def run(sizes: Sizes, servers: ThrowAwayServers) -> int:
    """Measure and print; a delivery that is lost or refused raises StackError."""
    rival = DjStripe()
    rival.lay_out()
    with connection.cursor() as cursor:
        cursor.execute(bare.CREATE_TABLE)
    print(machine.described())
    with ExitStack() as stack:
        doors = [
            stack.enter_context(Door.opened(kind, servers.folder))
            for kind in kinds(rival.python, rival.endpoint)
        ]
        found = measure(doors, sizes, servers)
        _print_rates(found, sizes)
        queries = _statements(doors, sizes, servers)
        drain(doors[0], sizes, servers)
        durable, sent = _survivors(doors[0], sizes, servers)
    ours = found.intakes[OURS]
    print(
        f"webhooks: per_s={median(ours.per_second):.0f} vs_bare={found.times(BARE):.2f}"
        f" vs_djstripe={found.times(DJSTRIPE):.1f} p99_ms={ours.p99 * 1000:.0f}"
        f" queries_per_event={queries:.2f} durable={durable}/{sent}"
    )
    return 0


def run_drain(sizes: Sizes, servers: ThrowAwayServers) -> int:
    """The drain alone."""
    call_command("migrate", interactive=False, verbosity=0)
    print(machine.described())
    ours = kinds(Path(), "")[0]
    with Door.opened(ours, servers.folder) as door:
        drain(door, sizes, servers)
    return 0


def _print_rates(found: Found, sizes: Sizes) -> None:
    print(f"\nEvents taken in per second over {CLIENTS} connections, median of {sizes.rounds} rounds:\n")
    for name, intake in found.intakes.items():
        print(
            f"  {name:16}{median(intake.per_second):7.0f}   p99 {intake.p99 * 1000:4.0f} ms   CPU per event"
            f" {median(intake.cpu) * 1000:5.2f} ms, of which the server's {median(intake.cpu_of_server) * 1000:5.2f}"
            f"   the sender's CPU was busy {median(intake.cpu_of_sender):4.0%}"
        )
    print(f"  {pgbench.NAME:16}{median(found.postgres):7.0f}   the same columns, PostgreSQL alone")
    for name in (BARE, BARE_SHORT, DJSTRIPE):
        print(
            f"  ours is {found.times(name):.2f} times {name}; {name} takes {found.cheaper(name):.2f} times our CPU"
        )


def _statements(doors: list[Door], sizes: Sizes, servers: ThrowAwayServers) -> float:
    if servers.postgres is None:
        raise StackError("Statements are counted in the log of a PostgreSQL that the bench starts itself.")
    print("\nStatements per delivery, in PostgreSQL's log:\n")
    counted = {}
    for door in doors:
        number, kinds_of = statements.per_delivery(door, servers.postgres.log, count=10 * CLIENTS)
        counted[door.kind.name] = number
        print(f"  {door.kind.name:16}{number:5.2f}   {'; '.join(kinds_of)}")
    return counted[OURS]


def drain(door: Door, sizes: Sizes, servers: ThrowAwayServers) -> None:
    """Measure and print how fast backlogs of several shapes are worked off, and what Stripe's limit makes of it."""
    print(
        f"\nThin notifications worked off by {draining.WORKERS} worker processes (one per core), Stripe answering after"
        f" {draining.LATENCY_SECONDS * 1000:.0f} ms, its limit for the app's key lifted:\n"
    )
    rates = []
    for backlog in sizes.backlogs:
        beside = draining.measure(door, backlog, servers.folder)
        alone = draining.measure(door, backlog, servers.folder, with_checks=False)
        rates.append(f"{beside.out_per_second:.0f} ({backlog.of_each} per account)")
        share = 1 - min(alone.cpu / beside.cpu, 1)
        print(
            f"  {backlog.of_each:3} per account: {beside.out_per_second:5.0f}/s, {beside.cpu * 1000:5.2f} ms of CPU"
            f" each in the workers, beside {beside.checks} checks of keys, which took {share:.0%} of it;"
            f" {alone.out_per_second:5.0f}/s, {alone.cpu * 1000:5.2f} ms, with those held back."
            f" Taken in at {beside.in_per_second:.0f}/s; {beside.outcomes}"
        )
    print(f"drain_per_s={', '.join(rates)}")
    limited = draining.measure(door, sizes.limited, servers.folder, limit=draining.LIMIT_OF_LIVE_MODE)
    print(
        f"drain_per_s_within_stripes_limit={limited.out_per_second:.0f} (STRIPE_RATE_LIVE as it is by default,"
        f" {limited.backlog.of_each} per account)"
    )


def _survivors(door: Door, sizes: Sizes, servers: ThrowAwayServers) -> tuple[int, int]:
    """How many rows are there after everything was answered 200 and PostgreSQL then ended without a clean stop."""
    if servers.postgres is None or servers.postgres.process is None:
        raise StackError("The bench ends its PostgreSQL, so it must have started it itself.")
    empty(door.kind.table)
    sent = door.take(deliveries.snapshots(sizes.events, ["acct_1Durable0000"]))
    end_child(servers.postgres.process, end_signal=signal.SIGQUIT, seconds=20)
    connections.close_all()
    servers.postgres.start()
    return rows_of(door.kind.table), sent.count
