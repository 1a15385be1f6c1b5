"""How fast we ask Stripe about one merchant's account: a budget below Stripe's own limit, and a breaker per account.

One Stripe account and mode belongs to one merchant, so the budget is kept per merchant and mode; it is known before
Stripe has said whose a key is. Kept in the database, so that all workers together stay within it.
Source of the limits: https://docs.stripe.com/rate-limits (settings here: STRIPE_RATE_LIVE, STRIPE_RATE_TEST).
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from stripe_keys.models import AccountPace, RestrictedKey, Validation
from work.activity import activity
from work.queues import Postpone

T = TypeVar("T")
SLOW_SECONDS = 3.0
_SLOW_FOR = timedelta(minutes=10)
_TROUBLES = 3
_FIRST_BREAK, _LONGEST_BREAK = timedelta(seconds=15), timedelta(minutes=10)
_LONGEST_WAIT_IN_HAND = 2.0
_BREAKER_OPEN = "BreakerOpen"
# Of the rate, so much may come at once and so much per second: within any second both together at most.
_AT_ONCE, _PER_SECOND = 0.75, 0.25

_ADMIT = """
    INSERT INTO {table} AS pace (merchant_id, livemode, free_at, troubles)
    VALUES (%(merchant)s, %(livemode)s, statement_timestamp() + %(cost)s, 0)
    ON CONFLICT (merchant_id, livemode) DO UPDATE
    SET free_at = greatest(pace.free_at, statement_timestamp()) + %(cost)s
    WHERE greatest(pace.free_at, statement_timestamp()) + %(cost)s <= statement_timestamp() + %(depth)s
      AND (pace.closed_until IS NULL OR pace.closed_until <= statement_timestamp())
    RETURNING coalesce(pace.slow_until > statement_timestamp(), false)"""
_REFUSAL = """
    SELECT extract(epoch FROM free_at + %(cost)s - %(depth)s - statement_timestamp())::float8,
           extract(epoch FROM closed_until - statement_timestamp())::float8
    FROM {table} WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s"""

_ANSWERED = """
    UPDATE {table} SET troubles = 0, closed_until = NULL
    WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND troubles > 0"""


class Breather(Postpone):
    """Not now: the budget is spent or the account's breaker is open. The check waits, and nothing is marked."""


@dataclass(frozen=True)
class Admission:
    """That some requests may be sent now; `is_slow` where the account's answers took long lately."""

    is_slow: bool


def at_once(*, livemode: bool) -> int:
    """How many requests about one account may be sent in one go."""
    return max(1, int(_rate(livemode=livemode) * _AT_ONCE))


def seconds_for(requests: int, *, livemode: bool) -> float:
    """How long so many requests about one account take if they begin with a full budget."""
    return max(0.0, (requests - at_once(livemode=livemode)) / _per_second(livemode=livemode))


def _per_second(*, livemode: bool) -> float:
    return max(0.25, _rate(livemode=livemode) * _PER_SECOND)


def _rate(*, livemode: bool) -> float:
    limit = settings.STRIPE_RATE_LIVE if livemode else settings.STRIPE_RATE_TEST
    return max(1.0, float(limit) * float(settings.STRIPE_RATE_SHARE))


def admit(key: RestrictedKey, requests: int) -> Admission:
    """Take `requests` (at most `at_once`) out of the account's budget; call it outside any transaction.

    Raises:
        Breather: not now; its delay says when.
    """
    per_second = _per_second(livemode=key.livemode)
    depth = at_once(livemode=key.livemode) / per_second
    values: dict[str, Any] = {
        "merchant": key.merchant_id,
        "livemode": key.livemode,
        "cost": timedelta(seconds=min(requests / per_second, depth)),
        "depth": timedelta(seconds=depth),
    }
    table = connection.ops.quote_name(AccountPace._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_ADMIT.format(table=table), values)
        admitted = cursor.fetchone()
        if admitted:
            return Admission(is_slow=admitted[0])
        cursor.execute(_REFUSAL.format(table=table), values)
        refused = cursor.fetchone()
    until_free, until_closed = (0.0, None) if refused is None else refused
    if until_closed is not None and until_closed > 0:
        raise Breather(timedelta(seconds=until_closed * uniform(1.0, 1.2)), _BREAKER_OPEN)  # noqa: S311
    raise Breather(timedelta(seconds=max(until_free, 0.05)), "BudgetSpent")


def in_turns(key: RestrictedKey, asked: Sequence[T], *, are_paid: bool = False) -> Iterator[Sequence[T]]:
    """`asked` in portions, each when the account's budget has room for it; waits in between, so hold no connection.

    Requests that `are_paid` have been admitted already, and come as one portion.

    Raises:
        Breather: the account's breaker has opened meanwhile, or this process is about to end.
    """
    portion = len(asked) if are_paid else at_once(livemode=key.livemode)
    for start in range(0, len(asked), portion):
        part = asked[start : start + portion]
        if not are_paid:
            _admit_in_time(key, len(part))
        began = time.monotonic()
        yield part
        # Only what the answers took: waiting for the budget is no fault of the account's.
        note_seconds(key, time.monotonic() - began)


def _admit_in_time(key: RestrictedKey, requests: int) -> None:
    while True:
        try:
            admit(key, requests)
        except Breather as breather:
            seconds = min(breather.delay.total_seconds(), _LONGEST_WAIT_IN_HAND)
            if breather.problem == _BREAKER_OPEN or activity.closing.wait(seconds):
                raise
        else:
            return


# --- What became of it -----------------------------------------------------------------------------------------------


def note_answered(key: RestrictedKey) -> None:
    """The account answers: its breaker closes."""
    table = connection.ops.quote_name(AccountPace._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERED.format(table=table), {"merchant": key.merchant_id, "livemode": key.livemode})


def note_trouble(key: RestrictedKey, now: datetime) -> None:
    """A check went without answers; after some in a row the account is left alone, longer each time."""
    _of(key).update(troubles=F("troubles") + 1)
    troubles = _of(key).values_list("troubles", flat=True).first() or 0
    if troubles >= _TROUBLES:
        pause = min(_FIRST_BREAK * 2 ** min(troubles - _TROUBLES, 10), _LONGEST_BREAK)
        _of(key).update(closed_until=now + pause)


def note_seconds(key: RestrictedKey, seconds: float) -> None:
    """How long Stripe took to answer some questions about this account that were asked at the same time."""
    if seconds > SLOW_SECONDS:
        _of(key).update(slow_until=timezone.now() + _SLOW_FOR)


def forget_troubles(*, merchant_id: UUID, livemode: bool) -> None:
    """Close the breaker and ask again now: the merchant has brought another key, or ops want it so."""
    AccountPace.objects.filter(merchant_id=merchant_id, livemode=livemode).update(
        troubles=0, closed_until=None
    )
    put_off = Validation.objects.filter(merchant=merchant_id, key__livemode=livemode, problem=_BREAKER_OPEN)
    waiting = Validation.objects.filter(pk__in=put_off.values("pk"), state=Validation.State.WAITING)
    waiting.update(due_at=Now())


def let_one_through(*, merchant_id: UUID, livemode: bool) -> None:
    """Somebody asks on purpose: try now. The troubles are not forgotten, so one more opens the breaker for longer."""
    AccountPace.objects.filter(merchant_id=merchant_id, livemode=livemode).update(closed_until=None)


def closed_until(key: RestrictedKey, now: datetime) -> datetime | None:
    """Until when the account is left alone because its breaker is open; None if it is not."""
    open_breakers = _of(key).filter(closed_until__gt=now)
    return open_breakers.values_list("closed_until", flat=True).first()


def is_in_trouble(key: RestrictedKey) -> bool:
    """Whether the account did not answer lately, so often that it is left alone between tries."""
    return _of(key).filter(troubles__gte=_TROUBLES).exists()


def _of(key: RestrictedKey) -> QuerySet[AccountPace]:
    return AccountPace.objects.filter(merchant_id=key.merchant_id, livemode=key.livemode)


# --- Slow accounts ---------------------------------------------------------------------------------------------------


class SlowPlaces:
    """How many checks of slow accounts this process works on at once: a quarter of its threads, at least one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def place_for(self, admission: Admission) -> Iterator[None]:
        """The block may take long. Raises Breather when a slow account finds every place taken."""
        if not admission.is_slow:
            yield
            return
        with self._lock:
            if self._taken >= max(1, settings.WORKER_THREADS // 4):
                raise Breather(timedelta(seconds=uniform(1.0, 3.0)), "SlowAccounts")  # noqa: S311
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1


slow_places = SlowPlaces()
