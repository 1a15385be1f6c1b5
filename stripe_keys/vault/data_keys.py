"""Data keys: merchants' and the site's, each wrapped by a key-encryption key, unwrapped for minutes at most."""

import logging
import os
import time
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.conf import settings

from accounts.models import Merchant
from stripe_keys.models import DataKey, MerchantDataKey, SiteDataKey
from stripe_keys.vault import canaries, ring
from stripe_keys.vault.canaries import context_for, context_of, owner_of
from stripe_keys.vault.envelopes import KEY_BYTES
from stripe_keys.vault.errors import (
    KeyEncryptionKeyMissing,
    NothingStored,
    WillNotOpen,
    WrongKeyEncryptionKey,
)
from stripe_keys.vault.key_services import KeyContext, Wrapped

log = logging.getLogger(__name__)
REMEMBERED_SECONDS: Final = 300
_REMEMBERED = 1000


@lru_cache(maxsize=_REMEMBERED)
def _unwrapped(kek_id: str, owner: UUID | None, version: int, wrapped: bytes, environment: str) -> bytes:
    """All of what it is bound to is part of what it is remembered by, in the form that is quickest to look up."""
    return ring.unwrap(kek_id, context_for(owner, version), wrapped)


class _Memory:
    """When the unwrapped data keys of this process were last forgotten."""

    forgotten_at = time.monotonic()


def forget() -> None:
    """Forget every data key that this process has unwrapped."""
    _unwrapped.cache_clear()
    _Memory.forgotten_at = time.monotonic()


def unwrapped(row: DataKey) -> bytes:
    """The data key of `row`; remembered for REMEMBERED_SECONDS, so that a key service may be away for some minutes.

    Raises:
        WillNotOpen: the row was altered or moved.
        KeyEncryptionKeyMissing, WrongKeyEncryptionKey, KeyServiceAway: nothing is wrong with the row.
    """
    if time.monotonic() - _Memory.forgotten_at > REMEMBERED_SECONDS:
        forget()
    try:
        return _unwrapped(
            row.kek_id, owner_of(row), row.version, bytes(row.wrapped), settings.SITE_ENVIRONMENT
        )
    except WillNotOpen:
        # Many rows would look damaged if the key-encryption key were another one of the same name.
        if not canaries.sings(row.kek_id):
            raise WrongKeyEncryptionKey(
                f"The key-encryption key {row.kek_id!r} is not the right one."
            ) from None
        raise


def verify(row: DataKey) -> None:
    """Prove that the data key of `row` unwraps and let go of it; raises as `unwrapped`."""
    unwrapped(row)


def rewrapped(row: DataKey) -> Wrapped:
    """The data key of `row` wrapped by the primary key-encryption key; nothing is written, and nothing remembered.

    Raises:
        WillNotOpen: the row was altered or moved, or its key-encryption key is another one of the same name.
        KeyEncryptionKeyMissing, KeyServiceAway: nothing is wrong with the row.
    """
    context = context_of(row)
    return ring.wrap(context, ring.unwrap(row.kek_id, context, bytes(row.wrapped)))


def wrap_fresh(context: KeyContext) -> Wrapped:
    """A new random data key, wrapped by a key-encryption key that was proven to be the right one."""
    canaries.ensure(ring.primary_kek_id())
    return ring.wrap(context, os.urandom(KEY_BYTES))


def newest_of_merchant(merchant: Merchant) -> MerchantDataKey:
    """The data key that encrypts for `merchant`, made here when it is the first or the newest does not open.

    The merchant stays locked until the caller's transaction ends: two first pastes at once share one data key, and a
    rotation neither overtakes nor undercuts a paste.

    Raises:
        NothingStored: the merchant is closed; nothing is encrypted for them any more.
        VaultError: the configured keys are unusable.
    """
    if Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk).closed_at is not None:
        raise NothingStored("The merchant is closed.")
    row: MerchantDataKey | None = (
        MerchantDataKey.objects.filter(merchant=merchant).order_by("-version").first()
    )
    if row is not None:
        if _opens(row):
            return row
        log.critical("a data key does not open; a new one is made", extra={"merchant": str(merchant.pk)})
    return add_version(merchant, row.version + 1 if row is not None else 1)


def _opens(row: DataKey) -> bool:
    """Whether it can encrypt. A lost key-encryption key must not keep new secrets out of the vault."""
    try:
        unwrapped(row)
    except (WillNotOpen, KeyEncryptionKeyMissing, WrongKeyEncryptionKey):
        return False
    return True


def add_version(merchant: Merchant, version: int) -> MerchantDataKey:
    """A fresh data key of `merchant`, whom the caller has locked."""
    wrapped = wrap_fresh(KeyContext("data-key", str(merchant.pk), version))
    return MerchantDataKey.objects.create(
        merchant=merchant, version=version, kek_id=wrapped.kek_id, wrapped=wrapped.blob
    )


def newest_of_site() -> SiteDataKey:
    """The data key that encrypts the site's own secrets, made when it is the first or the newest does not open."""
    row: SiteDataKey | None = SiteDataKey.objects.order_by("-version").first()
    if row is not None:
        if _opens(row):
            return row
        log.critical("the site's data key does not open; a new one is made")
    version = row.version + 1 if row is not None else 1
    wrapped = wrap_fresh(KeyContext("site-data-key", "", version))
    fresh = SiteDataKey(version=version, kek_id=wrapped.kek_id, wrapped=wrapped.blob)
    SiteDataKey.objects.bulk_create([fresh], ignore_conflicts=True)
    found: SiteDataKey = SiteDataKey.objects.get(version=version)
    return found
