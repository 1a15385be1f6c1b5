"""Which Stripe accounts are known here, for whoever goes through all of them: in batches, however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet

from stripe_keys import app_installs, our_apps
from stripe_keys.models import RestrictedKey, StripeInstall

BATCH = 1000
Status = StripeInstall.Status


@dataclass(frozen=True)
class KnownAccount:
    """One account and mode, and since when something of it is here."""

    stripe_account_id: str
    livemode: bool
    known_since: datetime


def known_accounts(*, only: str = "") -> Iterator[list[KnownAccount]]:
    """Every account and mode with an install or a kept key of a merchant who is not closed, batch by batch.

    One with both comes twice.
    """
    for rows, moment in ((_installs(), "installed_at"), (_keys(), "created_at")):
        yield from _batches(rows.filter(stripe_account_id=only) if only else rows, moment)


def known_among(accounts: Sequence[str]) -> set[tuple[str, bool]]:
    """Those accounts and modes of them that `known_accounts` gives."""
    return {
        (account, livemode)
        for rows in (_installs(), _keys())
        for account, livemode in rows.filter(stripe_account_id__in=accounts)
        .values_list("stripe_account_id", "livemode")
        .distinct()
    }


def installed_among(accounts: Sequence[str], *, livemode: bool, app: str = our_apps.PASTING) -> set[str]:
    """Those of the accounts whose install, as we have it, has not ended; of two apps `app` has to be on it."""
    of_these = _installs().filter(
        app_installs.with_app(app), stripe_account_id__in=accounts, livemode=livemode
    )
    return set(of_these.values_list("stripe_account_id", flat=True))


def uninstalled_among(accounts: Sequence[str], *, livemode: bool, app: str = our_apps.PASTING) -> set[str]:
    """Those of the accounts of which there is an install here, and every one has ended; of two apps, for `app`."""
    ours = StripeInstall.objects.filter(
        merchant__closed_at__isnull=True, stripe_account_id__in=accounts, livemode=livemode
    )
    ended = ours if our_apps.are_two() else ours.filter(status=Status.UNINSTALLED)
    named = set(ended.values_list("stripe_account_id", flat=True))
    return named - installed_among(accounts, livemode=livemode, app=app)


def count_installed(*, livemode: bool, app: str = our_apps.PASTING) -> int:
    """How many installs of that mode have not ended; of two apps `app` has to be on them."""
    return _installs().filter(app_installs.with_app(app), livemode=livemode).count()


def _installs() -> QuerySet[Any]:
    return StripeInstall.objects.filter(status=Status.INSTALLED, merchant__closed_at__isnull=True)


def _keys() -> QuerySet[Any]:
    return RestrictedKey.objects.kept().filter(merchant__closed_at__isnull=True).exclude(stripe_account_id="")


def _batches(rows: QuerySet[Any], moment: str) -> Iterator[list[KnownAccount]]:
    """By keyset, so that the hundredth batch costs as little as the first."""
    grouped = rows.order_by("stripe_account_id", "livemode").values_list("stripe_account_id", "livemode")
    beyond = Q()
    while True:
        found = list(grouped.filter(beyond).annotate(since=Min(moment))[:BATCH])
        if found:
            yield [KnownAccount(*row) for row in found]
        if len(found) < BATCH:
            return
        account, livemode, _ = found[-1]
        beyond = Q(stripe_account_id__gt=account) | Q(stripe_account_id=account, livemode__gt=livemode)
