"""Envelope encryption, fingerprints: the only module that imports cryptography.

Three levels. A key-encryption key (KEK, from the settings, versioned) wraps one random 32-byte data key per merchant.
For each ciphertext a fresh 32-byte salt and the associated data derive, by HKDF-SHA512 from the data key, a record key
and a commitment to it; the record key serves AES-256-GCM once. The associated data names purpose, merchant, row, mode
and environment, so bytes moved to any other place do not open.

Envelope: `0x01 | data key version (4 bytes) | salt 32 | commitment 32 | nonce 12 | ciphertext and tag`.
"""

import base64
import binascii
import hmac
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from accounts.models import Merchant
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret

FORMAT = b"\x01"
_HEADER = struct.Struct(">cI32s32s12s")
_KEY_BYTES = 32


class VaultError(Exception):
    """Something about the stored bytes or the configured keys is wrong; no text of a secret is ever part of it."""


class WillNotOpen(VaultError):
    """These bytes do not open here: altered, moved, or wrapped by a key that is not configured."""


class BadKeyMaterial(VaultError):
    """A configured key is missing, malformed or of the wrong length; the message names its id only."""


@dataclass(frozen=True)
class Place:
    """Where a ciphertext belongs; all of it is authenticated."""

    purpose: str
    merchant_id: str
    row_id: str
    livemode: bool

    def associated_data(self) -> bytes:
        """An injective encoding of this place and of the environment that the site runs in."""
        parts = (
            self.purpose,
            self.merchant_id,
            self.row_id,
            "live" if self.livemode else "test",
            settings.SITE_ENVIRONMENT,
        )
        return length_prefixed(*(part.encode() for part in parts))


def length_prefixed(*parts: bytes) -> bytes:
    """The parts, each behind its length in 4 bytes: no two lists of parts give the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


@lru_cache(maxsize=8)
def _keys(listed: tuple[str, ...], setting: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for entry in listed:
        key_id, separator, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise BadKeyMaterial(f"{setting}: key {key_id[:40]!r} is not base64.") from None
        if not separator or len(key) != _KEY_BYTES or not key_id.isascii() or not 0 < len(key_id) <= 40:
            raise BadKeyMaterial(f"{setting} wants `id:base64 of 32 bytes`, the primary key first.")
        keys[key_id] = key
    if not keys:
        raise BadKeyMaterial(f"{setting} is empty.")
    return keys


def _key_encryption_keys() -> dict[str, bytes]:
    return _keys(tuple(settings.KEY_ENCRYPTION_KEYS), "KEY_ENCRYPTION_KEYS")


def _fingerprint_keys() -> dict[str, bytes]:
    return _keys(tuple(settings.FINGERPRINT_KEYS), "FINGERPRINT_KEYS")


def check_key_material() -> None:
    """Prove that both sets of configured keys are well-formed and differ.

    Raises:
        BadKeyMaterial: they are not; the message says which setting, and never a value.
    """
    if set(_key_encryption_keys().values()) & set(_fingerprint_keys().values()):
        raise BadKeyMaterial("KEY_ENCRYPTION_KEYS and FINGERPRINT_KEYS share a key; each needs its own.")


def primary_kek_id() -> str:
    """The id of the key-encryption key that wraps new data keys."""
    return next(iter(_key_encryption_keys()))


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA512(), length=length, salt=salt, info=info).derive(key)


def _lock(key: bytes, version: int, plaintext: bytes, associated_data: bytes) -> bytes:
    salt, nonce = os.urandom(32), os.urandom(12)
    derived = _derive(key, salt, b"spk-record-v1" + associated_data, 64)
    header = _HEADER.pack(FORMAT, version, salt, derived[32:], nonce)
    return header + AESGCM(derived[:32]).encrypt(nonce, plaintext, header + associated_data)


def _open(key: bytes, envelope: bytes, associated_data: bytes) -> bytes:
    if len(envelope) < _HEADER.size + 16 or envelope[:1] != FORMAT:
        raise WillNotOpen("The envelope is not of a format this site knows.")
    header = envelope[: _HEADER.size]
    _, _, salt, commitment, nonce = _HEADER.unpack(header)
    derived = _derive(key, salt, b"spk-record-v1" + associated_data, 64)
    if not hmac.compare_digest(derived[32:], commitment):
        raise WillNotOpen("The envelope does not belong to this place and key.")
    try:
        return AESGCM(derived[:32]).decrypt(nonce, envelope[_HEADER.size :], header + associated_data)
    except InvalidTag:
        raise WillNotOpen("The envelope was altered.") from None


def _wrapping_place(merchant_id: str, version: int) -> bytes:
    return length_prefixed(
        b"data-key", merchant_id.encode(), str(version).encode(), settings.SITE_ENVIRONMENT.encode()
    )


def _data_key(row: MerchantDataKey) -> bytes:
    kek = _key_encryption_keys().get(row.kek_id)
    if kek is None:
        raise WillNotOpen(f"The key-encryption key {row.kek_id!r} is not configured.")
    return _open(kek, bytes(row.wrapped), _wrapping_place(str(row.merchant_id), row.version))


def _data_key_for_writing(merchant: Merchant) -> tuple[int, bytes]:
    row = MerchantDataKey.objects.filter(merchant=merchant).order_by("-version").first()
    if row is None:
        fresh, kek_id = os.urandom(_KEY_BYTES), primary_kek_id()
        wrapped = _lock(_key_encryption_keys()[kek_id], 0, fresh, _wrapping_place(str(merchant.pk), 1))
        # Two first pastes at once: one row wins, and both use the one that won.
        MerchantDataKey.objects.bulk_create(
            [MerchantDataKey(merchant=merchant, version=1, kek_id=kek_id, wrapped=wrapped)],
            ignore_conflicts=True,
        )
        row = MerchantDataKey.objects.filter(merchant=merchant).latest("version")
    return row.version, _data_key(row)


def place_of(key: RestrictedKey) -> Place:
    """Where the envelope of `key` belongs."""
    return Place("restricted-key", str(key.merchant_id), str(key.pk), key.livemode)


def encrypt(key: RestrictedKey, secret: Secret) -> bytes:
    """The envelope of `secret` for the row `key`, under its merchant's data key (made here when it is the first).

    Raises:
        VaultError: the configured keys are unusable.
    """
    version, data_key = _data_key_for_writing(key.merchant)
    return _lock(data_key, version, secret.reveal().encode(), place_of(key).associated_data())


def decrypt(envelope: KeyEnvelope) -> Secret:
    """The secret inside `envelope`.

    Raises:
        WillNotOpen: the bytes were altered or moved, or their keys are gone. Never an empty or partial secret.
    """
    stored = bytes(envelope.envelope)
    if len(stored) < _HEADER.size:
        raise WillNotOpen("The envelope is too short.")
    version = _HEADER.unpack(stored[: _HEADER.size])[1]
    row = MerchantDataKey.objects.filter(merchant_id=envelope.key.merchant_id, version=version).first()
    if row is None:
        raise WillNotOpen("The merchant's data key is gone.")
    return Secret(_open(_data_key(row), stored, place_of(envelope.key).associated_data()).decode())


@dataclass(frozen=True)
class Fingerprint:
    """A keyed hash of a key: equal keys have equal fingerprints, and nobody without the hash key can test a guess."""

    key_id: str
    digest: bytes


def fingerprint(secret: Secret) -> Fingerprint:
    """The fingerprint of `secret` under the primary fingerprint key: HMAC-SHA256, 32 bytes."""
    key_id, key = next(iter(_fingerprint_keys().items()))
    message = length_prefixed(b"fp1", b"live" if secret.livemode else b"test", secret.reveal().encode())
    return Fingerprint(key_id, hmac.digest(key, message, sha256))


def encrypt_site_secret(purpose: str, text: str) -> str:
    """`text` encrypted for the site itself rather than a merchant (a staff member's second factor), as ASCII.

    The result is `kek id:base64 of the envelope`; `purpose` and the environment are authenticated.
    """
    kek_id = primary_kek_id()
    envelope = _lock(_key_encryption_keys()[kek_id], 0, text.encode(), _site_place(purpose))
    return f"{kek_id}:{base64.b64encode(envelope).decode()}"


def decrypt_site_secret(purpose: str, stored: str) -> str:
    """What `encrypt_site_secret` was given.

    Raises:
        WillNotOpen: altered, of another purpose, or its key-encryption key is not configured.
    """
    kek_id, _, encoded = stored.partition(":")
    kek = _key_encryption_keys().get(kek_id)
    if kek is None:
        raise WillNotOpen("The key-encryption key of this secret is not configured.")
    try:
        envelope = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise WillNotOpen("This is not an envelope.") from None
    return _open(kek, envelope, _site_place(purpose)).decode()


def _site_place(purpose: str) -> bytes:
    return length_prefixed(b"site", purpose.encode(), settings.SITE_ENVIRONMENT.encode())
