"""Envelope encryption, fingerprints, JWE: the only room that imports cryptography and joserfc.

Three levels. A key-encryption key (KEK), held by a key service, wraps one random 32-byte data key per merchant. For
each ciphertext a fresh salt and its place derive a record key from the data key (`envelopes` has the format). Bytes
that are moved to any other row, merchant, mode, purpose or environment do not open.
"""

from stripe_keys.vault.canaries import ensure as ensure_canary
from stripe_keys.vault.canaries import is_missing as kek_is_missing
from stripe_keys.vault.canaries import problems as canary_problems
from stripe_keys.vault.canaries import reasons_not_to_start
from stripe_keys.vault.canaries import troubles as canary_troubles
from stripe_keys.vault.canaries import verify as verify_canary
from stripe_keys.vault.data_keys import add_version as add_data_key_version
from stripe_keys.vault.data_keys import rewrapped as rewrapped_data_key
from stripe_keys.vault.data_keys import verify as verify_data_key
from stripe_keys.vault.delivery_keys import DeliveryKey, new_delivery_key
from stripe_keys.vault.envelopes import Place, length_prefixed
from stripe_keys.vault.errors import (
    BadKeyMaterial,
    DeliveryRefused,
    KeyEncryptionKeyMissing,
    KeyServiceAway,
    NothingStored,
    VaultError,
    WillNotOpen,
    WrongFingerprintKey,
    WrongKeyEncryptionKey,
)
from stripe_keys.vault.fingerprints import (
    Fingerprint,
    ensure_fingerprint_canaries,
    fingerprints,
    missing_fingerprint_keys,
    primary_fingerprint_key_id,
    wrong_fingerprint_keys,
)
from stripe_keys.vault.jwe import LONGEST_TOKEN as LONGEST_DELIVERY
from stripe_keys.vault.jwe import open_delivery
from stripe_keys.vault.key_services import Wrapped
from stripe_keys.vault.keys import (
    decrypt,
    encrypt,
    fingerprint_again,
    open_envelope,
    place_of,
    reencrypt,
    verify,
)
from stripe_keys.vault.managed import (
    is_sealed,
    seal_copy,
    seal_delivery_key,
    unseal_copy,
    unseal_delivery_key,
)
from stripe_keys.vault.ring import check_key_material, kek_ids, primary_kek_id
from stripe_keys.vault.site_secrets import decrypt_site_secret, encrypt_site_secret, verify_site_secret

__all__ = [
    "LONGEST_DELIVERY",
    "BadKeyMaterial",
    "DeliveryKey",
    "DeliveryRefused",
    "Fingerprint",
    "KeyEncryptionKeyMissing",
    "KeyServiceAway",
    "NothingStored",
    "Place",
    "VaultError",
    "WillNotOpen",
    "Wrapped",
    "WrongFingerprintKey",
    "WrongKeyEncryptionKey",
    "add_data_key_version",
    "canary_problems",
    "canary_troubles",
    "check_key_material",
    "decrypt",
    "decrypt_site_secret",
    "encrypt",
    "encrypt_site_secret",
    "ensure_canary",
    "ensure_fingerprint_canaries",
    "fingerprint_again",
    "fingerprints",
    "is_sealed",
    "kek_ids",
    "kek_is_missing",
    "length_prefixed",
    "missing_fingerprint_keys",
    "new_delivery_key",
    "open_delivery",
    "open_envelope",
    "place_of",
    "primary_fingerprint_key_id",
    "primary_kek_id",
    "reasons_not_to_start",
    "reencrypt",
    "rewrapped_data_key",
    "seal_copy",
    "seal_delivery_key",
    "unseal_copy",
    "unseal_delivery_key",
    "verify",
    "verify_canary",
    "verify_data_key",
    "verify_site_secret",
    "wrong_fingerprint_keys",
]
