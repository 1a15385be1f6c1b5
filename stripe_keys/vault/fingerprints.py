"""Fingerprints: keyed hashes by which a key is recognised without being stored.

Equal keys have equal fingerprints under the same fingerprint key, and nobody without that key can test a guess. The
first of FINGERPRINT_KEYS marks new rows; all of them are used for looking up, because an erased key's text is gone and
its row keeps the fingerprint it was given.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from stripe_keys.secret import Secret
from stripe_keys.vault.envelopes import length_prefixed
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
