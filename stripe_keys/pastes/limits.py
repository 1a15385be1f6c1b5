"""How often keys may be pasted, and their accounts named: counted in the database, per merchant and network address.

Each is counted by itself, against the same numbers.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet

from accounts.models import User
from stripe_keys.models import KeySubmission, RestrictedKey

Kind = KeySubmission.Kind


class TooManyPastes(Exception):
    """The limit of pastes, or of accounts that are named, is reached; `retry_after` says for how long."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("Too many keys were pasted.")
        self.retry_after = retry_after


def count_paste(
    key: RestrictedKey, user: User, remote_address: str | None, now: datetime, *, kind: str = Kind.PASTE
) -> None:
    """Write down that `user` pasted `key`, or named its account, inside the caller's transaction.

    Raises:
        TooManyPastes: the merchant or the address has done so too often; nothing is written.
    """
    hour, day = now - timedelta(hours=1), now - timedelta(days=1)
    counted = KeySubmission.objects.filter(kind=kind)
    by_merchant = counted.filter(merchant=key.merchant)
    _refuse_beyond(by_merchant.filter(at__gt=hour), settings.PASTE_LIMIT_PER_HOUR, timedelta(hours=1), now)
    _refuse_beyond(by_merchant.filter(at__gt=day), settings.PASTE_LIMIT_PER_DAY, timedelta(days=1), now)
    if remote_address:
        by_address = counted.filter(remote_address=remote_address, at__gt=hour)
        _refuse_beyond(by_address, settings.PASTE_LIMIT_PER_ADDRESS_PER_HOUR, timedelta(hours=1), now)
    KeySubmission.objects.create(
        kind=kind,
        merchant=key.merchant,
        user=user,
        remote_address=remote_address,
        fingerprint=key.fingerprint,
        at=now,
    )


def _refuse_beyond(
    submissions: QuerySet[KeySubmission], limit: int, window: timedelta, now: datetime
) -> None:
    seen = submissions.aggregate(count=Count("pk"), oldest=Min("at"))
    if seen["count"] >= limit:
        raise TooManyPastes(max(seen["oldest"] + window - now, timedelta(minutes=1)))
