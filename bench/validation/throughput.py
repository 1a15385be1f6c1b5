"""Keys per second: whole checks by our engine, beside the bare calls of the SDK, in turns."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Protocol

from django.conf import settings
from django.db import connections

from bench.validation import seeding
from bench.validation.rivals import NaiveLoop, SharedClient, questions
from bench.validation.seeding import Shop
from local_stack.problems import StackError
from stripe_keys import gateway, tasks
from stripe_keys.models import Validation

OURS, NAIVE = "ours", "naive: a client per key, one question after the other"
NEAR_THREADS = 8
FAR_THREADS = 8


class Contender(Protocol):
    """Whoever asks Stripe everything about the keys of shops."""

    def check(self, shops: Sequence[Shop]) -> int:
        """Returns how many questions were answered well."""


class Ours:
    """The worker's own task for every merchant who has something due: claim, open, ask, judge, settle."""

    def __init__(self, base: str, threads: int) -> None:
        self._base = base
        self._pool = ThreadPoolExecutor(threads)  # a worker's threads live as long as it does

    def check(self, shops: Sequence[Shop]) -> int:
        """Do every due check; returns how many questions were answered well."""
        lanes = [str(shop.merchant_id) for shop in shops]
        return sum(self._pool.map(_drain, lanes)) * len(questions())

    def prepare(self, shops: Sequence[Shop]) -> None:
        """Let a check of every shop's key be due."""
        settings.STRIPE_API_BASE = self._base
        gateway.forget_connections()
        seeding.forget_checks()
        seeding.make_due(shops)

    def prove(self, shops: Sequence[Shop]) -> None:
        """StackError unless every key got its verdict."""
        if Validation.objects.filter(verdict="active", state="done").count() != len(shops):
            raise StackError("Not every key was found active.")


def _drain(lane: str) -> int:
    try:
        return tasks.drain_validations(lane)
    finally:
        connections.close_all()  # to the pool, as after every task of a worker


def near(base: str) -> dict[str, Contender]:
    """Those whose speed the machine limits: bare pools in all their forms, the strongest too."""
    shared = partial(SharedClient, base, NEAR_THREADS)
    return {
        OURS: Ours(base, NEAR_THREADS),
        "shared client, a thread per key": shared(),
        "shared client, a thread per question": shared(by_key=False),
        "shared client as it comes, a thread per key": shared(trusts_environment=True),
        "shared client as it comes, a thread per question": shared(by_key=False, trusts_environment=True),
    }


def far(base: str) -> dict[str, Contender]:
    """Those whose speed the way to Stripe limits."""
    return {OURS: Ours(base, FAR_THREADS), NAIVE: NaiveLoop(base, FAR_THREADS)}


@dataclass(slots=True)
class Rates:
    """Keys per second of each contender, by round."""

    found: dict[str, list[float]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Everybody, in order."""
        return list(self.found)

    def of(self, name: str) -> float:
        """The median of the rounds."""
        return median(self.found[name])

    def ratio(self, other: str) -> float:
        """Ours as a multiple of another's: the median of the rounds' ratios."""
        return median(ours / theirs for ours, theirs in zip(self.found[OURS], self.found[other], strict=True))


def side_by_side(
    contenders: dict[str, Contender], shops: Sequence[Shop], *, rounds: int, warming: int = 1
) -> Rates:
    """Let everybody check every shop's key in each round, in changing order; `warming` rounds do not count."""
    names = list(contenders)
    rates = Rates({name: [] for name in names})
    for number in range(rounds + warming):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            rate = _keys_per_second(contenders[name], shops)
            if number >= warming:
                rates.found[name].append(rate)
    return rates


def _keys_per_second(contender: Contender, shops: Sequence[Shop]) -> float:
    if isinstance(contender, Ours):
        contender.prepare(shops)
    began = time.monotonic()
    answered = contender.check(shops)
    seconds = time.monotonic() - began
    if answered != len(shops) * len(questions()):
        raise StackError(f"Only {answered} questions about {len(shops)} keys were answered.")
    if isinstance(contender, Ours):
        contender.prove(shops)
    return len(shops) / seconds
