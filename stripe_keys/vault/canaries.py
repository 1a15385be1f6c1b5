"""Canaries: for each key-encryption key one small envelope with a known content, so that a wrong key is noticed.

A key-encryption key with the right id and wrong bytes would otherwise look like a database full of damaged rows.
"""

from uuid import UUID

from stripe_keys.models import DataKey, KekCanary, MerchantDataKey, RestrictedKey, SiteDataKey
from stripe_keys.vault import ring
from stripe_keys.vault.errors import (
    KeyEncryptionKeyMissing,
    KeyServiceAway,
    VaultError,
    WillNotOpen,
    WrongKeyEncryptionKey,
)
from stripe_keys.vault.key_services import KeyContext

_CONTENT = b"a canary that sings: key is good."[:32]
_TRIED = 3


def context_of(row: DataKey) -> KeyContext:
    """What the wrapped data key of `row` is bound to."""
    return context_for(owner_of(row), row.version)


def owner_of(row: DataKey) -> UUID | None:
    """The merchant that a data key belongs to; None: the site."""
    return row.merchant_id if isinstance(row, MerchantDataKey) else None


def context_for(owner: UUID | None, version: int) -> KeyContext:
    """What the data key of that owner and version is bound to."""
    if owner is not None:
        return KeyContext("data-key", str(owner), version)
    return KeyContext("site-data-key", "", version)


def _context(kek_id: str) -> KeyContext:
    return KeyContext("canary", kek_id, 1)


def ensure(kek_id: str) -> None:
    """Prove that the key-encryption key `kek_id` is the one that this database knows; the primary gets a canary.

    Raises:
        WrongKeyEncryptionKey: it is another one of the same name.
        KeyEncryptionKeyMissing, KeyServiceAway: it cannot be tried.
    """
    canary = KekCanary.objects.filter(kek_id=kek_id).first()
    if canary is not None:
        _listen_to(canary)
        return
    _try_data_keys(kek_id)
    if kek_id != ring.primary_kek_id():
        return  # only the primary wraps
    wrapped = ring.wrap(_context(kek_id), _CONTENT)
    # Two processes at once: one canary wins, and both listen to it.
    KekCanary.objects.bulk_create(
        [KekCanary(kek_id=wrapped.kek_id, wrapped=wrapped.blob)], ignore_conflicts=True
    )
    if wrapped.kek_id == kek_id:
        _listen_to(KekCanary.objects.get(kek_id=kek_id))


def sings(kek_id: str) -> bool:
    """Whether `kek_id` is known to be right; False if it is wrong. Without a canary there is no doubt to raise."""
    canary = KekCanary.objects.filter(kek_id=kek_id).first()
    if canary is None:
        return True
    try:
        _listen_to(canary)
    except WrongKeyEncryptionKey:
        return False
    return True


def is_missing(kek_id: str) -> bool:
    """Whether the key-encryption key `kek_id` is not there; False if it is the right one.

    Raises:
        WrongKeyEncryptionKey, BadKeyMaterial: one of that name is configured, and it is another one or unusable.
        KeyServiceAway: nobody knows.
    """
    canary = KekCanary.objects.filter(kek_id=kek_id).first()
    try:
        if canary is not None:
            verify(canary)
        else:
            _try_data_keys(kek_id)
    except KeyEncryptionKeyMissing:
        return True
    except WillNotOpen:
        return False  # only the canary is damaged
    return False


def problems() -> list[str]:
    """What is wrong with the key-encryption keys that this database needs, in sentences; reads, and never writes."""
    return [str(trouble) for trouble in troubles().values()]


def reasons_not_to_start() -> list[VaultError]:
    """Those that a process must not start with; reads, and never writes.

    A service that is away says nothing about its keys. A key that is missing is no reason once every key under it has
    ended or is in quarantine: it was declared lost, and merchants and staff must get in to begin again.
    """
    in_use = RestrictedKey.objects.kept().filter(quarantined_at=None)
    needed = MerchantDataKey.objects.filter(envelopes__key__in=in_use).kek_ids()
    return [
        trouble
        for kek_id, trouble in troubles().items()
        if not isinstance(trouble, KeyServiceAway)
        and (kek_id in needed or not isinstance(trouble, KeyEncryptionKeyMissing))
    ]


def troubles() -> dict[str, VaultError]:
    """What is wrong, by `kek_id`; under no name if nobody can say which is the primary."""
    needed = {*MerchantDataKey.objects.kek_ids(), *SiteDataKey.objects.kek_ids()}
    found: dict[str, VaultError] = {}
    try:
        primary = {ring.primary_kek_id()}
    except VaultError as trouble:
        found[""] = trouble
        primary = set()
    for kek_id in sorted(needed | primary):
        canary = KekCanary.objects.filter(kek_id=kek_id).first()
        try:
            if canary is not None:
                verify(canary)
            elif kek_id in needed:
                _try_data_keys(kek_id)
        except VaultError as trouble:
            found[kek_id] = trouble
    return found


def verify(canary: KekCanary) -> None:
    """Hear whether `canary` sings; it alone is damaged where its key still opens data keys.

    Raises:
        WillNotOpen: the row was altered.
        WrongKeyEncryptionKey, KeyEncryptionKeyMissing, KeyServiceAway: nothing is known about the row.
    """
    try:
        _listen_to(canary)
    except WrongKeyEncryptionKey:
        if not _try_data_keys(canary.kek_id):
            raise
        raise WillNotOpen(
            f"The canary of {canary.kek_id!r} was altered, for its key opens data keys: delete that row, and the next"
            " start makes a new one."
        ) from None


def _listen_to(canary: KekCanary) -> None:
    try:
        sung = ring.unwrap(canary.kek_id, _context(canary.kek_id), bytes(canary.wrapped))
    except WillNotOpen:
        sung = b""
    if sung != _CONTENT:
        raise _wrong(canary.kek_id)


def _try_data_keys(kek_id: str) -> bool:
    """Where there is no canary yet, data keys that the key wrapped tell as much: one that opens is enough.

    False where there is none to try.
    """
    rows = [
        *MerchantDataKey.objects.filter(kek_id=kek_id).order_by("-pk")[:_TRIED],
        *SiteDataKey.objects.filter(kek_id=kek_id).order_by("-pk")[:_TRIED],
    ]
    for row in rows:
        try:
            ring.unwrap(kek_id, context_of(row), bytes(row.wrapped))
        except WillNotOpen:
            continue
        return True
    if rows:
        raise _wrong(kek_id)
    return False


def _wrong(kek_id: str) -> WrongKeyEncryptionKey:
    return WrongKeyEncryptionKey(
        f"The key-encryption key {kek_id!r} is not the one that this database was written with: restore the right one."
    )
