"""Whether merchants wait for others: everybody's seconds from due to verdict, alone and beside who takes much."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Self

from django.core.cache import caches

from bench.validation import pastes, seeding
from bench.validation.processes import StandIns, worker
from bench.validation.seeding import Due, Shop
from bench.validation.sizes import Sizes
from local_stack.lifetimes import wait_until
from local_stack.problems import StackError
from stripe_keys.models import Validation

PATIENCE_SECONDS = 240.0
ROUND_TRIP_MILLISECONDS = 150.0
WARMING_PASTES = 3


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from due to verdict: half of the merchants waited at most `middle`, 99 % of them at most `p99`."""

    middle: float
    p99: float


class Stage:
    """A worker as in production and a Stripe that is a round trip away; each scene begins with nothing due."""

    @classmethod
    @contextmanager
    def built(cls, sizes: Sizes, stand_ins: StandIns, folder: Path) -> Iterator[Self]:
        """One worker for all scenes, as long as the block runs."""
        with (
            stand_ins.answering_after(ROUND_TRIP_MILLISECONDS, slow_seconds=sizes.slow_seconds) as stripe,
            worker(folder=folder, stripe=stripe),
        ):
            yield cls()

    def waits(self, shops: list[Shop], *, within: float, beside: Callable[[], object]) -> Waits:
        """How long `shops` wait whose checks become due within so many seconds, after `beside` was called."""
        self._clear()
        beside()
        due = seeding.make_due(shops, within=within)
        if not wait_until(lambda: _are_done(due), seconds=PATIENCE_SECONDS):
            raise StackError("Some merchants' checks did not end.")
        return _waits(due)

    def pastes(self, pasted: list[Shop], *, beside: list[Shop]) -> list[float]:
        """Seconds from paste to verdict while regular checks of all those `beside` wait; the first are not counted."""
        user = pastes.somebody()
        self._clear()
        pastes.seconds_to_verdict(pasted[:WARMING_PASTES], user)
        seeding.make_due(beside)
        seconds = pastes.seconds_to_verdict(pasted[WARMING_PASTES:], user)
        if beside and not seeding.left():
            raise StackError("No regular check was left when the last paste had its verdict.")
        return seconds

    def _clear(self) -> None:
        """Let nothing be due, and the worker be idle."""
        if not wait_until(seeding.nothing_is_claimed, seconds=PATIENCE_SECONDS, every=0.5):
            raise StackError("The worker did not come to rest.")
        seeding.forget_checks()
        caches["bells"].clear()


def _are_done(due: Due) -> bool:
    return not Validation.objects.filter(pk__in=due).exclude(state="done").exists()


def _waits(due: Due) -> Waits:
    ended = Validation.objects.in_bulk(list(due))
    if any(row.verdict != "active" for row in ended.values()):
        raise StackError("Not every check of the merchants ended well.")
    seconds = sorted(
        (row.finished_at - due[pk]).total_seconds() for pk, row in ended.items() if row.finished_at
    )
    return Waits(median(seconds), quantiles(seconds, n=100, method="inclusive")[98])
