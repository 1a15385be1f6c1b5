"""How much is measured."""

from dataclasses import dataclass

CLIENTS = 16  # as many as the site has threads: two processes of eight


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of everything."""

    rounds: int
    events: int  # of each contender in each round
    djstripe_events: int  # it is slower, and a round shall take everybody about as long
    drained: int
    accounts: int


FULL = Sizes(rounds=7, events=2000, djstripe_events=500, drained=2000, accounts=1000)
QUICK = Sizes(rounds=1, events=60, djstripe_events=20, drained=40, accounts=20)
