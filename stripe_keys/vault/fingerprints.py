"""Fingerprints: keyed hashes by which a key is recognised without being stored.

Equal keys have equal fingerprints under the same fingerprint key, and nobody without that key can test a guess. The
first of FINGERPRINT_KEYS marks new rows; all of them are used for looking up, because an erased key's text is gone and
its row keeps the fingerprint it was given.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from stripe_keys.models import FingerprintCanary, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault.envelopes import length_prefixed
from stripe_keys.vault.errors import WrongFingerprintKey
from stripe_keys.vault.local_keys import fingerprint_keys


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """HMAC-SHA256 of a key, 32 bytes, and the id of the fingerprint key that made it."""

    key_id: str
    digest: bytes


def fingerprints(secret: Secret) -> list[Fingerprint]:
    """The fingerprint of `secret` under each configured fingerprint key, the primary's first; raises BadKeyMaterial."""
    message = length_prefixed(b"fp1", b"live" if secret.livemode else b"test", secret.reveal().encode())
    return [
        Fingerprint(key_id, hmac.digest(key, message, sha256)) for key_id, key in fingerprint_keys().items()
    ]


def primary_fingerprint_key_id() -> str:
    """The id of the fingerprint key that marks new rows."""
    return next(iter(fingerprint_keys()))


def ensure_fingerprint_canaries() -> None:
    """Let the database know every configured fingerprint key by a canary, and prove those that it knows.

    Raises:
        WrongFingerprintKey: one is another key of the same name.
    """
    rows = [
        FingerprintCanary(key_id=key_id, digest=_canary_of(key)) for key_id, key in fingerprint_keys().items()
    ]
    FingerprintCanary.objects.bulk_create(rows, ignore_conflicts=True)
    for problem in wrong_fingerprint_keys():
        raise problem


def wrong_fingerprint_keys() -> list[WrongFingerprintKey]:
    """Configured fingerprint keys that the database knows as other ones; reads, and never writes."""
    known = {row.key_id: bytes(row.digest) for row in FingerprintCanary.objects.all()}
    return [
        WrongFingerprintKey(
            f"The fingerprint key {key_id!r} is not the one that this database was written with: restore the right one."
        )
        for key_id, key in fingerprint_keys().items()
        if not hmac.compare_digest(known.get(key_id, _canary_of(key)), _canary_of(key))
    ]


def missing_fingerprint_keys() -> list[str]:
    """Ids of fingerprint keys that mark keys here and are not configured: those keys are recognised no more."""
    used = RestrictedKey.objects.order_by().values_list("fingerprint_key_id", flat=True).distinct()
    return sorted(set(used) - set(fingerprint_keys()))


def _canary_of(key: bytes) -> bytes:
    return hmac.digest(key, length_prefixed(b"fp-canary"), sha256)
