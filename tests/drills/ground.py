"""What a drill needs: the site as processes with more than one worker, keys being checked, and a strict count after."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from local_stack.folders import PROJECT
from local_stack.lifetimes import start_child
from local_stack.processes import Stack
from tests.browser.stage import told_by
from tests.simulator import SimulatorAdmin
from tests.waiting import eventually

LEASE_SECONDS = 60.0
PATIENCE_SECONDS = 150.0
_OPEN = "state IN ('waiting', 'claimed') AND reason <> 'survey'"


@dataclass
class Count:
    """What a drill found; `holds` are the seconds each claim was held, by row and fence."""

    name: str
    expected: dict[str, str]
    seconds: float = 0.0
    ends: dict[str, str] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    holds: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, tuple[str, str]]:
        """Keys that are not where they belong: what they are, and what they should be."""
        return {
            key: (self.ends.get(key, "gone"), fate)
            for key, fate in self.expected.items()
            if self.ends.get(key) != fate
        }

    @property
    def moved_more_than_once(self) -> list[str]:
        """Keys whose verdict was applied twice."""
        return [key for key, moves in self.moves.items() if moves > 1]

    @property
    def longest_hold(self) -> float:
        """The longest that one claim kept its lane, in seconds."""
        return max((last - first for first, last in self.holds.values()), default=0.0)

    def __str__(self) -> str:
        return (
            f"drill: {self.name}: keys={len(self.expected)} right={len(self.expected) - len(self.wrong)}"
            f" applied_twice={len(self.moved_more_than_once)} longest_hold_s={self.longest_hold:.1f}"
            f" seconds={self.seconds:.1f}"
        )


class Ground:
    """A running site under drill."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.stripe = SimulatorAdmin(stack.simulator_url)
        self.more_workers: list[subprocess.Popen[bytes]] = []

    def start_another_worker(self) -> subprocess.Popen[bytes]:
        """A worker beside the stack's own; ends with `close`."""
        log = self.stack.logs / f"worker-{len(self.more_workers) + 2}.log"
        name = f"more{len(self.more_workers)}@%h"
        command = [sys.executable, "-m", "celery", "-A", "partner_site", "worker", "-n", name]
        process = start_child(
            [*command, "--without-gossip", "--without-mingle"],
            log=log,
            cwd=PROJECT,
            environment=self.stack.environment,
        )
        self.more_workers.append(process)
        eventually(lambda: "ready" in log.read_text(), timeout=60)
        return process

    def close(self) -> None:
        """End the workers that were started here."""
        for process in self.more_workers:
            process.kill()
            process.wait()
        self.more_workers.clear()

    def paste_keys(self, count: int) -> dict[str, dict[str, str]]:
        """Merchants who have just pasted keys; their checks begin at once."""
        told: dict[str, dict[str, str]] = told_by(
            self.stack, "tests.drills.cast", self.stack.simulator_url, str(count)
        )
        return told

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def wait_for_claims(self, at_least: int = 3, *, by: int = 0) -> None:
        """Until workers, or the one with this process id, are in the middle of some checks."""
        claims = "SELECT count(*) FROM stripe_keys_validation WHERE state = 'claimed' AND claimed_by LIKE %s"
        eventually(lambda: self.rows(claims, f"%:{by or ''}%")[0][0] >= at_least, timeout=30)

    def count(self, name: str, keys: dict[str, dict[str, str]], trouble: Callable[[], None]) -> Count:
        """Let the trouble happen, wait until every check has ended, and count."""
        counted = Count(name, {key: about["fate"] for key, about in keys.items()})
        began = time.monotonic()
        trouble()
        self.wait_until_settled(counted)
        counted.seconds = time.monotonic() - began
        ids = list(counted.expected)
        counted.ends = {
            str(key): status
            for key, status in self.rows(
                "SELECT id, status FROM stripe_keys_restrictedkey WHERE id = ANY(%s::uuid[])", ids
            )
        }
        counted.moves = {
            str(key): moves
            for key, moves in self.rows(
                "SELECT key_id, count(*) FROM stripe_keys_statuschange"
                " WHERE key_id = ANY(%s::uuid[]) AND from_status <> to_status GROUP BY key_id",
                ids,
            )
        }
        return counted

    def wait_until_settled(self, counted: Count) -> None:
        """Until none of the keys has an open check, noting on the way how long each claim is held."""

        def is_settled() -> bool:
            try:
                claims = self.rows(
                    "SELECT id, fence FROM stripe_keys_validation WHERE state = 'claimed' AND reason <> 'survey'"
                )
                [(still_open,)] = self.rows(
                    f"SELECT count(*) FROM stripe_keys_validation WHERE {_OPEN} AND key_id = ANY(%s::uuid[])",  # noqa: S608
                    list(counted.expected),
                )
            except psycopg.OperationalError:
                return False  # the database is what the drill took away
            now = time.monotonic()
            for claim in claims:
                first, _ = counted.holds.get(claim, (now, now))
                counted.holds[claim] = (first, now)
            return bool(still_open == 0)

        eventually(is_settled, timeout=PATIENCE_SECONDS)

    def check_all_now(self, keys: dict[str, dict[str, str]]) -> None:
        """Make the next check of these keys due."""
        self.rows(
            "UPDATE stripe_keys_restrictedkey SET next_check_at = now() WHERE id = ANY(%s::uuid[])",
            list(keys),
        )

    def freeze(self, pid: int) -> Callable[[], None]:
        """Stop a process in its tracks; returns what lets it go on."""
        os.kill(pid, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)
