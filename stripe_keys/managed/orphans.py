"""Keys that were made for us at Stripe and are known to nobody here: found in Stripe's lists, and ended.

A key is ours by its name, which the site gives (`minting.name_at_stripe`) and which names the environment, and by the
app that manages it, where Stripe names any. Whatever else is on the account is not touched.

Accounts are walked in turns, those first that were not looked at for longest; each is looked at once a day.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from stripe_keys import app_pace, gateway, retirement_rows
from stripe_keys.gateway import key_endpoint
from stripe_keys.gateway.key_endpoint import Listed
from stripe_keys.managed import consent, pacing
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from work.pool import connection_to_pool

log = logging.getLogger(__name__)
SWEPT_EVERY_SECONDS = 300
EACH_EVERY = timedelta(days=1)
# A key so young may be one that is being made.
YOUNG = timedelta(minutes=30)
# A closed merchant's account is looked at for so long: a key that was being made then may have no other trace.
AFTER_CLOSING = timedelta(days=3)
_ENDED_LATELY = timedelta(days=1)
_ASKED_AGAIN_AFTER = timedelta(hours=1)
_AT_ONCE, _SECONDS = 200, 20.0
LOOKED_AT, NOT_OURS, NO_ANSWER = "looked at", "not ours to look at", "no answer"
_OPEN = (Minting.State.WAITING, Minting.State.CLAIMED)


@dataclass(frozen=True)
class Place:
    """An account in one mode, of a merchant."""

    merchant_id: UUID
    stripe_account_id: str
    livemode: bool
    is_closed: bool


@dataclass
class Found:
    """What a walk found: how many accounts answered, were not to be asked, or did not answer; and the orphans."""

    outcomes: Counter[str] = field(default_factory=Counter)
    orphans: list[tuple[Place, str]] = field(default_factory=list)


def sweep() -> None:
    """The periodic job: look at the accounts whose turn it is, for a short while."""
    walk(timezone.now(), end=time.monotonic() + _SECONDS)


def walk(
    now: datetime,
    *,
    end: float = float("inf"),
    every: timedelta = EACH_EVERY,
    is_dry: bool = False,
    at_once: int | None = _AT_ONCE,
    say: Callable[[Place, str], None] | None = None,
) -> Found:
    """Look at each account that was not looked at within `every`, until that moment of the monotonic clock.

    At most `at_once` of them, where that is a number; fewer where the app's budget of questions to Stripe is spent.

    With `is_dry` nothing is ended and no turn is taken. Must not be called inside a transaction.
    """
    found = Found()
    for place in _places(now, every, at_once):
        if time.monotonic() > end:
            break
        try:
            outcome, orphans = _look_at(place, now)
        except app_pace.NotNow:
            break
        found.outcomes[outcome] += 1
        if not is_dry:
            orphans = [one for one in orphans if _retire(one, place, now)]
            _of(place).update(swept_at=now if outcome != NO_ANSWER else now - every + _ASKED_AGAIN_AFTER)
        for one in orphans:
            found.orphans.append((place, one.stripe_key_id))
            if say is not None:
                say(place, one.stripe_key_id)
    return found


def _places(now: datetime, every: timedelta, at_once: int | None) -> list[Place]:
    """Those whose turn it is, the one first that was not looked at for longest."""
    is_there = Q(merchant__closed_at__isnull=True) | Q(merchant__closed_at__gt=now - AFTER_CLOSING)
    names = ("merchant", "stripe_account_id", "livemode", "merchant__closed_at")
    due = KeyManagement.objects.filter(is_there).values(*names).annotate(last=Min("swept_at"))
    due = due.filter(Q(last__isnull=True) | Q(last__lt=now - every))
    rows = due.order_by(F("last").asc(nulls_first=True), "merchant", "livemode")
    return [
        Place(
            row["merchant"], row["stripe_account_id"], row["livemode"], row["merchant__closed_at"] is not None
        )
        for row in rows[:at_once]
    ]


def _of(place: Place) -> QuerySet[KeyManagement]:
    return KeyManagement.objects.filter(
        merchant=place.merchant_id, stripe_account_id=place.stripe_account_id, livemode=place.livemode
    )


def _look_at(place: Place, now: datetime) -> tuple[str, list[Listed]]:
    """What came of asking for the keys of an account, and those of them that are to end."""
    try:
        with pacing.calls(consent.CALLS + 1, livemode=place.livemode):
            connection_to_pool()
            consent.prove(
                merchant_id=place.merchant_id,
                stripe_account_id=place.stripe_account_id,
                livemode=place.livemode,
                is_ending=place.is_closed,
            )
            connection_to_pool()
            listed = list(key_endpoint.keys_of(livemode=place.livemode, context=place.stripe_account_id))
    except (consent.NotInstalled, gateway.StripeRefused):
        return NOT_OURS, []
    except gateway.StripeUnavailable:
        log.warning("orphans: Stripe did not list the keys of an account")
        return NO_ANSWER, []
    return LOOKED_AT, [one for one in key_endpoint.made_by_us(listed) if _is_orphaned(one, place, now)]


def _is_orphaned(one: Listed, place: Place, now: datetime) -> bool:
    is_ours = _is_named_by_us(one.name) and one.stripe_key_id
    if not is_ours or not one.is_active or not one.is_secret:
        return False
    if one.created_at is None or one.created_at > now - YOUNG:
        return False
    # A key that was made by a rotation has the name of another minting, so that whatever is being made there counts.
    being_made = Minting.objects.filter(
        management__stripe_account_id=place.stripe_account_id,
        management__livemode=place.livemode,
        state__in=_OPEN,
    )
    return not being_made.exists() and not _is_known(one)


def _is_known(one: Listed) -> bool:
    """Whether the key is stored here, or being ended."""
    ending = Retirement.objects.filter(stripe_key_id=one.stripe_key_id).exclude(
        state__in=[Retirement.State.DONE, Retirement.State.DEAD]
    )
    kept = RestrictedKey.objects.kept().filter(stripe_key_id=one.stripe_key_id)
    return kept.exists() or ending.exists()


def _retire(one: Listed, place: Place, now: datetime) -> bool:
    """Have it ended: for the first time, or again, where it was thought to have ended."""
    with transaction.atomic():
        # Whoever stores a key has its minting claimed, so that one that is not known now will not be.
        if not _is_orphaned(one, place, now):
            return False
        return retirement_rows.retire_by_id(
            stripe_key_id=one.stripe_key_id,
            stripe_account_id=place.stripe_account_id,
            livemode=place.livemode,
            merchant_id=place.merchant_id,
            cause=Retirement.Cause.ORPHANED,
        ) or retirement_rows.retire_again(
            stripe_key_id=one.stripe_key_id,
            livemode=place.livemode,
            merchant_id=place.merchant_id,
            before=now - _ENDED_LATELY,
        )


def _is_named_by_us(name: str) -> bool:
    """Whether it is what a minting of this environment names its key."""
    head, _, tail = name.rpartition(" ")
    if head != f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT}":
        return False
    try:
        return str(UUID(tail)) == tail
    except ValueError:
        return False
