"""What a drill of the app's own keys needs: the site without its own worker, merchants, and a strict count after."""

from dataclasses import dataclass, field
from typing import Any

import psycopg

from local_stack.processes import Stack
from tests.browser.stage import told_by
from tests.drills.crew import Crew, Hand
from tests.simulator import SimulatorAdmin
from tests.waiting import eventually

_OPEN = "SELECT count(*) FROM stripe_keys_minting WHERE state IN ('waiting', 'claimed')"
_IN_HAND = "SELECT count(*) FROM stripe_keys_minting WHERE state = 'claimed' AND claimed_by LIKE %s"
_UNPROVEN = "SELECT count(*) FROM stripe_keys_restrictedkey WHERE status = 'pending'"
_SERVING = """
    SELECT stripe_account_id, stripe_key_id FROM stripe_keys_restrictedkey
    WHERE status = 'active' AND managed_by = 'app' AND stripe_account_id = ANY(%s)"""


@dataclass
class Count:
    """What became of the accounts: their keys at Stripe that live, those ever made there, and those that serve here."""

    name: str
    deaths: int
    living: dict[str, list[str]] = field(default_factory=dict)
    ever: dict[str, int] = field(default_factory=dict)
    serving: dict[str, list[str]] = field(default_factory=dict)

    @property
    def lost(self) -> list[str]:
        """Accounts where what lives at Stripe is not what serves here: an orphan, or no key."""
        return [each for each, keys in self.living.items() if not keys or keys != self.serving.get(each)]

    @property
    def twice(self) -> list[str]:
        """Accounts for which more than one key was ever made."""
        return [each for each, number in self.ever.items() if number > 1]

    def __str__(self) -> str:
        return (
            f"drill: {self.name}: accounts={len(self.living)} deaths={self.deaths}"
            f" at_stripe={sum(map(len, self.living.values()))} here={sum(map(len, self.serving.values()))}"
            f" lost={len(self.lost)} made_twice={len(self.twice)}"
        )


class Mint:
    """A running site without its own worker: the drills bring theirs."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.crew = stack, Crew(stack)
        self.stripe = SimulatorAdmin(stack.simulator_url)
        self._cast = 0
        stack.stop_process("worker")

    def merchants(self, count: int) -> list[str]:
        """The accounts of new merchants who have just chosen the app."""
        told = told_by(
            self.stack, "tests.drills.managed_cast", self.stack.simulator_url, str(count), str(self._cast)
        )
        self._cast += count
        return [str(account) for account in told]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:
            return connection.execute(statement, values or None).fetchall()

    def is_at_work(self, hand: Hand) -> bool:
        """Whether that worker is in the middle of making a key."""
        return self.rows(_IN_HAND, f"%:{hand.pid}") != [(0,)]

    def is_done(self) -> bool:
        """Whether no key is being made or proven."""
        return self.rows(_OPEN) == [(0,)] and self.rows(_UNPROVEN) == [(0,)]

    def wait_until_settled(self) -> None:
        """Until no key is being made or proven; what waits for Stripe is brought forward, so that nobody has to."""

        def is_settled() -> bool:
            with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:
                connection.execute(
                    "UPDATE stripe_keys_minting SET due_at = now() WHERE state = 'waiting'"
                    " AND due_at > now() + interval '5 seconds' AND problem <> 'WorkerLost'"
                )
            return self.is_done()

        eventually(is_settled, timeout=240)

    def count(self, name: str, accounts: list[str], deaths: int) -> Count:
        """Wait until all is settled, and count."""
        self.wait_until_settled()
        counted = Count(name, deaths)
        for account, key in self.rows(_SERVING, accounts):
            counted.serving.setdefault(account, []).append(key)
        for account in accounts:
            keys = [key for key in self.stripe.keys(account) if key["kind"] != "publishable"]
            counted.ever[account] = len(keys)
            counted.living[account] = [str(key["id"]) for key in keys if key["status"] == "active"]
        return counted
