"""Whose events are searched: a cursor for each known account and mode, and in which order."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from stripe_keys.known_accounts import KnownAccount, known_accounts, known_among
from webhooks.models import AccountCursor

PER_ACCOUNT, PLATFORM = "per_account", "platform"
_BATCH = 1000


@dataclass(frozen=True)
class Place:
    """Where a list goes on that one search does not read to its end; by itself: nowhere."""

    path: str = ""
    since: datetime | None = None
    until: datetime | None = None
    pages: int = 0


NOWHERE = Place()


def prepare(*, modes: Sequence[bool], now: datetime, only: str = "") -> None:
    """See to it that every known account has a cursor, and that no other has one. May be done twice."""
    for batch in known_accounts(only=only):
        AccountCursor.objects.bulk_create([_cursor(account) for account in batch], ignore_conflicts=True)
    if is_one_list():
        AccountCursor.objects.bulk_create(
            [AccountCursor(stripe_account_id=PLATFORM, livemode=mode, listed_until=now) for mode in modes],
            ignore_conflicts=True,
        )
    if not only:
        _forget_unknown()


def is_one_list() -> bool:
    """Whether Stripe is asked for the events of all accounts in one list per mode."""
    return bool(settings.STRIPE_EVENTS_LISTED == PLATFORM)


def _cursor(account: KnownAccount) -> AccountCursor:
    """What happened before the account was known here is of no use, so its search begins there."""
    return AccountCursor(
        stripe_account_id=account.stripe_account_id,
        livemode=account.livemode,
        listed_until=account.known_since,
    )


def _forget_unknown() -> None:
    last = 0
    others = AccountCursor.objects.exclude(stripe_account_id=PLATFORM).order_by("pk")
    while batch := list(others.filter(pk__gt=last)[:_BATCH]):
        last = batch[-1].pk
        known = known_among([cursor.stripe_account_id for cursor in batch])
        gone = [each.pk for each in batch if (each.stripe_account_id, each.livemode) not in known]
        AccountCursor.objects.filter(pk__in=gone).delete()


def to_search(*, modes: Collection[bool], only: str = "") -> QuerySet[AccountCursor]:
    """The cursors whose lists are asked for."""
    cursors = AccountCursor.objects.filter(livemode__in=modes)
    if is_one_list():
        return cursors.filter(stripe_account_id=PLATFORM)
    return cursors.filter(stripe_account_id=only) if only else cursors.exclude(stripe_account_id=PLATFORM)


def next_ones(
    cursors: QuerySet[AccountCursor], *, began: datetime, without: Collection[int], limit: int
) -> list[AccountCursor]:
    """Those that nobody has tried since the run began, the longest untried first.

    Not by what was found last: accounts that Stripe refuses would always be first, and a run that keeps to a few
    accounts would never come to the others.
    """
    untried = cursors.filter(Q(tried_at__isnull=True) | Q(tried_at__lt=began)).exclude(pk__in=without)
    return list(untried.order_by(F("tried_at").asc(nulls_first=True), "pk")[:limit])


def tried(
    cursor_id: int, *, problem: str = "", listed_until: datetime | None = None, place: Place | None = None
) -> None:
    """An account's list was read to its end, up to that moment, or not: `problem` says why.

    `place` is where the next search goes on; without one, the place that is kept stays.
    """
    values: dict[str, Any] = {"tried_at": Now(), "problem": problem}
    if listed_until is not None:
        values["listed_until"] = listed_until
    if place is not None:
        values |= {f"next_{name}": value for name, value in asdict(place).items()}
    AccountCursor.objects.filter(pk=cursor_id).update(**values)


def check_setting(**_: Any) -> list[CheckMessage]:
    """STRIPE_EVENTS_LISTED is one of the two."""
    if settings.STRIPE_EVENTS_LISTED in (PER_ACCOUNT, PLATFORM):
        return []
    return [
        Error(
            "STRIPE_EVENTS_LISTED is neither per_account nor platform.",
            hint="Lost deliveries would not be found.",
            id="webhooks.E005",
        )
    ]
