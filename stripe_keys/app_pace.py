"""How fast this process asks Stripe with the app's own key: a budget per mode, and a pause where Stripe says so.

Stripe measures requests per account; whether those in a merchant's context count for the merchant or for the app is not
documented, so all together stay below the limit of one account. The budget is this process's own: what several
processes ask too much in sum Stripe refuses with 429, and then each of them pauses.

Nobody's flood holds up others: a lane whose turn is yet to come leaves half of the burst to lanes that have not been
told to wait, and each lane has a line of its own.
Source of the limits: https://docs.stripe.com/rate-limits (settings here: STRIPE_RATE_LIVE, STRIPE_RATE_TEST).
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from random import uniform

from django.conf import settings

from work.queues import Postpone

# Of the rate, so much may come at once and so much per second: within any second both together at most.
_AT_ONCE, _PER_SECOND = 0.25, 0.75
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LONGEST_LINE = 60.0
# How many lanes that wait at the same time come back more slowly for that; more would wait long after the others left.
_MOST_CROWDED, _LINES_KEPT = 8, 1000


class NotNow(Postpone):
    """The app's budget is spent, or Stripe has asked for a pause; the delay says when to come again."""


class AppPace:
    """The budget of one mode. `take` never waits."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.at_once = max(1.0, rate * _AT_ONCE)
        self._for_newcomers = min(self.at_once / 2, self.at_once - 1.0)
        self._per_second = max(0.25, rate * _PER_SECOND)
        self._left, self._as_of = self.at_once, clock()
        self._newcomers_up_to = 0.0
        self._lines: dict[str, float] = {}  # until when what each lane was told to do later will have come
        self._pause, self._paused_until = 0.0, 0.0
        self._lock = threading.Lock()

    @property
    def spacing(self) -> timedelta:
        """How far apart the requests of one lane come back, so that those of all that wait are no more than allowed."""
        now = self._clock()
        crowd = sum(up_to > now for up_to in self._lines.copy().values())
        return timedelta(seconds=max(1, min(crowd, _MOST_CROWDED)) / self._per_second)

    def take(self, wanted: int, lane: str = "") -> int:
        """Take up to `wanted` requests for `lane`, at least one; returns how many.

        Raises:
            NotNow: there is none.
        """
        with self._lock:
            now = self._refill()
            if now < self._paused_until:
                raise NotNow(timedelta(seconds=(self._paused_until - now) * uniform(1.0, 1.5)), "Throttled")  # noqa: S311
            is_newcomer = self._lines.get(lane, 0.0) <= now
            free = self._left if is_newcomer else self._left - self._for_newcomers
            if free < 1.0:
                delay = self._place(lane, now, is_newcomer=is_newcomer) - now
                raise NotNow(timedelta(seconds=delay + uniform(0.0, 0.1)), "AppBudgetSpent")  # noqa: S311
            taken = min(wanted, int(free))
            self._left -= taken
            return taken

    def _place(self, lane: str, now: float, *, is_newcomer: bool) -> float:
        """When `lane` is to come again: after its own requests, or, if none of them wait, after other newcomers."""
        turn = 1.0 / self._per_second
        if is_newcomer:
            self._newcomers_up_to = min(max(self._newcomers_up_to, now) + turn, now + _LONGEST_LINE)
            place = self._newcomers_up_to
        else:
            place = min(self._lines[lane] + turn, now + _LONGEST_LINE)
        if len(self._lines) >= _LINES_KEPT:
            self._lines = {each: up_to for each, up_to in self._lines.items() if up_to > now}
        self._lines[lane] = place
        return place

    def line_up(self, requests: int, lane: str = "") -> None:
        """Note that so many of `lane` have been told to come later, `spacing` apart: its others come after them."""
        apart = self.spacing.total_seconds()
        with self._lock:
            now = self._clock()
            # Who is put off again is counted again, so that the line would grow without anybody in it.
            self._lines[lane] = min(
                max(self._lines.get(lane, 0.0), now) + requests * apart, now + _LONGEST_LINE
            )

    def spend(self, requests: int) -> None:
        """Note requests that were sent without asking (a negative number gives back what was not needed)."""
        with self._lock:
            self._left = min(self._left - requests, self.at_once)

    def note(self, *, throttled: bool) -> None:
        """Pause, longer each time, where Stripe was asked too often; the next good answer ends that."""
        with self._lock:
            if throttled and self._clock() >= self._paused_until:  # those under way then say nothing new
                self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                self._paused_until = self._clock() + self._pause
            elif not throttled and self._clock() >= self._paused_until:
                self._pause = 0.0

    def _refill(self) -> float:
        now = self._clock()
        self._left = min(self._left + (now - self._as_of) * self._per_second, self.at_once)
        self._as_of = now
        return now


_paces: dict[tuple[bool, float], AppPace] = {}
_lock = threading.Lock()


def pace_of(*, livemode: bool) -> AppPace:
    """The budget of that mode, as the settings have it now."""
    limit = settings.STRIPE_RATE_LIVE if livemode else settings.STRIPE_RATE_TEST
    rate = max(1.0, float(limit) * float(settings.STRIPE_RATE_SHARE))
    with _lock:
        return _paces.setdefault((livemode, rate), AppPace(rate))


def forget() -> None:
    """Begin with full budgets."""
    _paces.clear()
