"""Key-encryption and fingerprint keys from the settings: `id:base64 of 32 bytes`, the primary first."""

import base64
import re
from functools import lru_cache

from django.conf import settings

from stripe_keys.vault.envelopes import KEY_BYTES, lock, unlock
from stripe_keys.vault.errors import BadKeyMaterial, KeyEncryptionKeyMissing
from stripe_keys.vault.key_services import KeyContext, Wrapped

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


@lru_cache(maxsize=8)
def _keys(listed: tuple[str, ...], setting: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(listed, start=1):
        key_id, key = _read(entry.strip(), f"{setting}, entry {number}")
        if key_id in keys:
            raise BadKeyMaterial(f"{setting}: two keys are called {key_id!r}.")
        if key in keys.values():
            raise BadKeyMaterial(
                f"{setting}: entry {number} is a key that stands there under another id already."
            )
        keys[key_id] = key
    if not keys:
        raise BadKeyMaterial(f"{setting} is empty.")
    return keys


def _read(entry: str, where: str) -> tuple[str, bytes]:
    """One entry; whatever is wrong with it, nothing of it is shown: its id may be the key in the wrong place."""
    key_id, _, encoded = entry.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:  # also what is not ASCII
        raise BadKeyMaterial(f"{where}, is not `id:base64 of 32 bytes`.") from None
    if len(key) != KEY_BYTES or not is_key_id(key_id):
        raise BadKeyMaterial(
            f"{where}, is not `id:base64 of 32 bytes`; an id has letters, digits, dots and dashes."
        )
    return key_id, key


def is_key_id(text: str) -> bool:
    """Whether `text` may name a key in the settings; a slash would name another key service."""
    return bool(_ID.fullmatch(text))


def key_encryption_keys() -> dict[str, bytes]:
    """The configured key-encryption keys by id, the primary first; raises BadKeyMaterial."""
    return _keys(tuple(settings.KEY_ENCRYPTION_KEYS), "KEY_ENCRYPTION_KEYS")


def fingerprint_keys() -> dict[str, bytes]:
    """The configured fingerprint keys by id, the primary first; raises BadKeyMaterial."""
    return _keys(tuple(settings.FINGERPRINT_KEYS), "FINGERPRINT_KEYS")


def check_key_material() -> None:
    """Prove that both sets of configured keys are well-formed and differ.

    Raises:
        BadKeyMaterial: they are not; the message says which setting, and never a value.
    """
    encryption = (
        key_encryption_keys() if settings.KEY_ENCRYPTION_KEYS or settings.KEY_SERVICE == "local" else {}
    )
    if set(encryption.values()) & set(fingerprint_keys().values()):
        raise BadKeyMaterial("KEY_ENCRYPTION_KEYS and FINGERPRINT_KEYS share a key; each needs its own.")


class LocalKeys:
    """Key-encryption keys in this process's memory: a KeyService."""

    def primary_kek_id(self) -> str:
        """The first id in KEY_ENCRYPTION_KEYS."""
        return next(iter(key_encryption_keys()))

    def kek_ids(self) -> list[str]:
        """Every id in KEY_ENCRYPTION_KEYS."""
        return list(key_encryption_keys()) if settings.KEY_ENCRYPTION_KEYS else []

    def wrap(self, context: KeyContext, data_key: bytes) -> Wrapped:
        """Wrapped in an envelope of its own."""
        kek_id = self.primary_kek_id()
        return Wrapped(kek_id, lock(key_encryption_keys()[kek_id], 0, data_key, context.associated_data()))

    def unwrap(self, kek_id: str, context: KeyContext, blob: bytes) -> bytes:
        """Out of that envelope."""
        key = key_encryption_keys().get(kek_id) if settings.KEY_ENCRYPTION_KEYS else None
        if key is None:
            raise KeyEncryptionKeyMissing(f"The key-encryption key {kek_id!r} is not configured.")
        return unlock(key, blob, context.associated_data())

    def health(self) -> None:
        """Nothing to reach; the keys are well-formed."""
        key_encryption_keys()
