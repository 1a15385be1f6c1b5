"""A merchant's new data key: everything that they keep is encrypted anew under it, in one transaction.

Whoever pastes waits for that transaction; whoever uses a key does not. The text of a key never leaves the vault.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from accounts.models import Merchant
from stripe_keys import lifecycle, vault
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey


class NothingToRotate(Exception):
    """There is no such merchant, or no data key of theirs; the message says which."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What one merchant's rotation came to."""

    version: int
    reencrypted: int
    unreadable: list[str]  # ids of keys that stay as they were, under their old data key
    deleted: int  # data keys that nothing needs any more


def merchants_due(*, older_than: timedelta | None = None, now: datetime) -> list[UUID]:
    """Open merchants whose newest data key is older than that; without it, all that have one."""
    newest = Merchant.objects.filter(closed_at=None).annotate(newest_at=Max("data_keys__created_at"))
    due = newest.filter(newest_at__lte=now - (older_than or timedelta()))
    return list(due.order_by("pk").values_list("pk", flat=True))


def why_not(merchant_id: UUID) -> str | None:
    """The sentence that `rotate` would refuse this merchant with at this moment; None where it would not."""
    try:
        _rotatable(Merchant.objects.filter(pk=merchant_id).first(), merchant_id)
    except NothingToRotate as why:
        return str(why)
    return None


@transaction.atomic
def rotate(merchant_id: UUID) -> Rotated:
    """Give the merchant a new data key, encrypt their keys under it, and delete the old data keys nothing needs.

    Raises:
        NothingToRotate: see there.
        VaultError: the primary key-encryption key is unusable, or a key service away; nothing was changed.
    """
    merchant = Merchant.objects.select_for_update(no_key=True).filter(pk=merchant_id).first()
    merchant, last = _rotatable(merchant, merchant_id)
    envelopes = _locked_envelopes(merchant)
    # Every old data key is tried before any envelope is opened: what was opened is recorded, whatever comes after.
    openable = {data_key for data_key in {envelope.data_key for envelope in envelopes} if _opens(data_key)}
    fresh = vault.add_data_key_version(merchant, last + 1)
    unreadable = [
        str(envelope.key_id)
        for envelope in envelopes
        if envelope.data_key not in openable or not _reencrypt(envelope, fresh)
    ]
    deleted = _delete_unneeded(fresh)
    return Rotated(fresh.version, len(envelopes) - len(unreadable), unreadable, deleted)


def _rotatable(merchant: Merchant | None, merchant_id: UUID) -> tuple[Merchant, int]:
    """The merchant and the version of their newest data key; refuses where there is none."""
    if merchant is None:
        raise NothingToRotate(f"There is no merchant {merchant_id}.")
    if merchant.closed_at is not None:
        raise NothingToRotate(f"Merchant {merchant_id} is closed.")
    last: int | None = MerchantDataKey.objects.filter(merchant=merchant).aggregate(last=Max("version"))[
        "last"
    ]
    if last is None:
        raise NothingToRotate(f"Merchant {merchant_id} has no data key yet.")
    return merchant, last


def _locked_envelopes(merchant: Merchant) -> list[KeyEnvelope]:
    """The merchant's envelopes. Keys are locked in turn, so that none is erased meanwhile; uses may be recorded."""
    keys = RestrictedKey.objects.filter(merchant=merchant).kept().order_by("-created_at", "-pk")
    locked = [key.pk for key in keys.select_for_update(of=("self",), no_key=True)]
    return list(KeyEnvelope.objects.select_related("key", "data_key").filter(key__in=locked).order_by("pk"))


def _opens(data_key: MerchantDataKey) -> bool:
    try:
        vault.verify_data_key(data_key)
    except vault.KeyServiceAway:
        raise
    except vault.VaultError:
        return False
    return True


def _reencrypt(envelope: KeyEnvelope, data_key: MerchantDataKey) -> bool:
    """Whether the envelope opened and was replaced; that it was opened is recorded with it."""
    try:
        with transaction.atomic():
            lifecycle.record_use(envelope.key, actor="rotation", reason="New data key for the merchant")
            fresh = vault.reencrypt(envelope, data_key)
            KeyEnvelope.objects.filter(pk=envelope.pk).update(envelope=fresh, data_key=data_key)
    except vault.WillNotOpen:
        return False
    return True


def _delete_unneeded(fresh: MerchantDataKey) -> int:
    """Delete older data keys without an envelope, in one order, as rewrapping locks them."""
    older = MerchantDataKey.objects.filter(merchant=fresh.merchant_id, version__lt=fresh.version)
    unneeded = list(older.filter(envelopes=None).order_by("pk"))
    for data_key in unneeded:
        data_key.delete()
    return len(unneeded)
