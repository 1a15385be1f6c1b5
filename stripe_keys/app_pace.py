"""How fast this process asks Stripe with the app's own key: a budget per mode, and a pause where Stripe says so.

Stripe measures requests per account; whether those in a merchant's context count for the merchant or for the app is not
documented, so all together stay below the limit of one account. The budget is this process's own: what several
processes ask too much in sum Stripe refuses with 429, and then each of them pauses.
Source of the limits: https://docs.stripe.com/rate-limits (settings here: STRIPE_RATE_LIVE, STRIPE_RATE_TEST).
"""

import threading
import time
from datetime import timedelta
from random import uniform

from django.conf import settings

from work.queues import Postpone

# Of the rate, so much may come at once and so much per second: within any second both together at most.
_AT_ONCE, _PER_SECOND = 0.25, 0.75
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LONGEST_LINE = 60.0


class NotNow(Postpone):
    """The app's budget is spent, or Stripe has asked for a pause; the delay says when to come again."""


class AppPace:
    """The budget of one mode. `take` never waits."""

    def __init__(self, rate: float) -> None:
        self.at_once = max(1.0, rate * _AT_ONCE)
        self._per_second = max(0.25, rate * _PER_SECOND)
        self.spacing = timedelta(seconds=1.0 / self._per_second)
        self._left, self._as_of = self.at_once, time.monotonic()
        self._line_up_to = 0.0
        self._pause, self._paused_until = 0.0, 0.0
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """Take up to `wanted` requests, at least one; returns how many.

        Raises:
            NotNow: there is none.
        """
        with self._lock:
            now = self._refill()
            if now < self._paused_until:
                raise NotNow(timedelta(seconds=(self._paused_until - now) * uniform(1.0, 1.5)), "Throttled")  # noqa: S311
            if self._left < 1.0:
                self._line_up_to = max(self._line_up_to, now) + 1.0 / self._per_second
                delay = min(self._line_up_to - now, _LONGEST_LINE) + uniform(0.0, 0.1)  # noqa: S311
                raise NotNow(timedelta(seconds=delay), "AppBudgetSpent")
            taken = min(wanted, int(self._left))
            self._left -= taken
            return taken

    def line_up(self, requests: int) -> None:
        """Note that so many have been told to come later, `spacing` apart: others come after them."""
        with self._lock:
            self._line_up_to = max(self._line_up_to, time.monotonic()) + requests / self._per_second

    def spend(self, requests: int) -> None:
        """Note requests that were sent without asking (a negative number gives back what was not needed)."""
        with self._lock:
            self._left = min(self._left - requests, self.at_once)

    def note(self, *, throttled: bool) -> None:
        """Pause, longer each time, where Stripe was asked too often; the next good answer ends that."""
        with self._lock:
            if throttled:
                self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                self._paused_until = time.monotonic() + self._pause
            elif time.monotonic() >= self._paused_until:
                self._pause = 0.0

    def _refill(self) -> float:
        now = time.monotonic()
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
