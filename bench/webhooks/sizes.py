"""How much is measured."""

from dataclasses import dataclass

CLIENTS = 16  # as many as the site has threads: two processes of eight


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the workers: so many events, the same number of each account."""

    accounts: int
    of_each: int

    @property
    def events(self) -> int:
        """How many events it is."""
        return self.accounts * self.of_each


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of everything."""

    rounds: int
    events: int  # of each contender in each round
    djstripe_events: int  # it is slower, and a round shall take everybody about as long
    accounts: int
    backlogs: tuple[Backlog, ...]
    limited: Backlog  # for what Stripe's own limit allows, which takes long


FULL = Sizes(
    rounds=7,
    events=2000,
    djstripe_events=500,
    accounts=1000,
    backlogs=(Backlog(1000, 1), Backlog(300, 10), Backlog(60, 100)),
    limited=Backlog(600, 1),
)
QUICK = Sizes(
    rounds=1,
    events=60,
    djstripe_events=20,
    accounts=20,
    backlogs=(Backlog(40, 1), Backlog(5, 10)),
    limited=Backlog(40, 1),
)
