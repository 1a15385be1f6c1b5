"""Everybody in turn, in short rounds and changing order, as machines are noisy; what counts are the rounds' ratios."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles

import psutil
from django.db import connection

from bench.webhooks import deliveries, pgbench
from bench.webhooks.contenders import DJSTRIPE, OURS, Door
from bench.webhooks.sizes import Sizes
from local_stack.problems import StackError
from local_stack.servers import ThrowAwayServers


@dataclass(slots=True)
class Intake:
    """What the rounds found of one contender; CPU is that of its server, PostgreSQL and Redis, in seconds per event."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cpu_of_server: list[float] = field(default_factory=list)
    cpu_of_sender: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    stored: int = 0
    sent: int = 0

    @property
    def p99(self) -> float:
        """Seconds that 99 % of the answers took at most."""
        return quantiles(self.latencies, n=100, method="inclusive")[98]


@dataclass(slots=True)
class Found:
    """Everybody's intake by name, and PostgreSQL's own rates."""

    intakes: dict[str, Intake]
    postgres: list[float] = field(default_factory=list)

    def times(self, other: str) -> float:
        """Our rate as a multiple of another's: the median of the rounds' ratios."""
        ours, theirs = self.intakes[OURS].per_second, self.intakes[other].per_second
        return median(a / b for a, b in zip(ours, theirs, strict=True))

    def cheaper(self, other: str) -> float:
        """How many times our CPU time another takes per event: the median of the rounds' ratios."""
        ours, theirs = self.intakes[OURS].cpu, self.intakes[other].cpu
        return median(b / a for a, b in zip(ours, theirs, strict=True))


def measure(doors: list[Door], sizes: Sizes, servers: ThrowAwayServers) -> Found:
    """Let everybody take its events in each round, one after the other; StackError unless each left its row."""
    found = Found({door.kind.name: Intake() for door in doors})
    for number in range(sizes.rounds + 1):
        turn = number % len(doors)
        for door in doors[turn:] + doors[:turn]:
            intake = found.intakes[door.kind.name] if number else Intake()  # the first round warms up
            _round(door, intake, sizes, servers)
        rate = pgbench.insert(sizes.events, servers.folder)
        found.postgres += [rate] if number else []
    return found


def _round(door: Door, intake: Intake, sizes: Sizes, servers: ThrowAwayServers) -> None:
    count = sizes.djstripe_events if door.kind.name == DJSTRIPE else sizes.events
    accounts = [f"acct_1Bench{number:08}" for number in range(sizes.accounts)]
    bodies = deliveries.snapshots(count, accounts)
    empty(door.kind.table)
    server, around = _cpu([door.server]), _cpu(_those_around(servers))
    sent = door.take(bodies)
    server, around = _cpu([door.server]) - server, _cpu(_those_around(servers)) - around
    stored = rows_of(door.kind.table)
    if stored < count:
        raise StackError(f"{door.kind.name}: {count} deliveries were answered 200 and left {stored} rows.")
    intake.per_second.append(sent.per_second)
    intake.cpu.append((server + around) / count)
    intake.cpu_of_server.append(server / count)
    intake.cpu_of_sender.append(sent.own_cpu / sent.seconds)
    intake.latencies += sent.latencies
    intake.sent += count
    intake.stored += stored


def empty(table: str) -> None:
    """Forget every row, and let nobody pay for what others wrote."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
        cursor.execute("CHECKPOINT")


def rows_of(table: str) -> int:
    """How many rows there are."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        return int(cursor.fetchone()[0])


def _those_around(servers: ThrowAwayServers) -> list[psutil.Process]:
    started = [server.process for server in (servers.postgres, servers.redis) if server is not None]
    return [psutil.Process(process.pid) for process in started if process is not None]


def _cpu(processes: Iterable[psutil.Process]) -> float:
    """Seconds of CPU that these and their children have taken, ended ones too."""
    total = 0.0
    for process in processes:
        own = process.cpu_times()
        total += own.user + own.system + own.children_user + own.children_system
        for child in process.children(recursive=True):
            times = child.cpu_times()
            total += times.user + times.system
    return total
