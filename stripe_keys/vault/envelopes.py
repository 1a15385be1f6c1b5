"""The envelope: bytes that open only in their own place, under their own data key, unaltered.

`0x01 | data key version (4 bytes, big endian) | salt 32 | commitment 32 | nonce 12 | ciphertext and tag`

For each envelope a fresh 32-byte salt and the associated data derive, by HKDF-SHA512 (RFC 5869) from the data key, a
record key and a commitment to it; the record key serves AES-256-GCM (NIST SP 800-38D) once. GCM authenticates the whole
header too. The commitment is compared before anything is decrypted, so no envelope opens under two keys.
"""

import hmac
import os
import struct
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from stripe_keys.vault.errors import WillNotOpen

KEY_BYTES = 32
FORMAT = b"\x01"
_HEADER = struct.Struct(">cI32s32s12s")
_TAG_BYTES = 16
_INFO = b"spk-record-v1"
_SHA512 = hashes.SHA512()
_VERSION = slice(1, 5)


class Place(NamedTuple):
    """Where a ciphertext belongs; all of it, and the environment that the site runs in, is authenticated."""

    purpose: str
    merchant_id: UUID
    row_id: UUID
    livemode: bool

    def associated_data(self) -> bytes:
        """An injective encoding of this place and of the environment: named parts first, then two ids of 16 bytes."""
        named = _named_parts(self.purpose, self.livemode, settings.SITE_ENVIRONMENT)
        return named + self.merchant_id.bytes + self.row_id.bytes


@lru_cache(maxsize=32)
def _named_parts(purpose: str, livemode: bool, environment: str) -> bytes:
    return length_prefixed(purpose.encode(), b"live" if livemode else b"test", environment.encode())


def length_prefixed(*parts: bytes) -> bytes:
    """The parts, each behind its length in 4 bytes: no two lists of parts give the same bytes."""
    return b"".join([len(part).to_bytes(4) + part for part in parts])


def lock(key: bytes, version: int, plaintext: bytes, associated_data: bytes) -> bytes:
    """The envelope of `plaintext` under the 32-byte `key`, which is known to others as `version`."""
    salt, nonce = os.urandom(32), os.urandom(12)
    record_key, commitment = _derived(key, salt, associated_data)
    header = _HEADER.pack(FORMAT, version, salt, commitment, nonce)
    return header + AESGCM(record_key).encrypt(nonce, plaintext, header + associated_data)


def unlock(key: bytes, envelope: bytes, associated_data: bytes) -> bytes:
    """What `lock` was given.

    Raises:
        WillNotOpen: another key, another place, another format, or an altered byte.
    """
    if len(envelope) < _HEADER.size + _TAG_BYTES or envelope[:1] != FORMAT:
        raise WillNotOpen("The envelope is not of a format this site knows.")
    header = envelope[: _HEADER.size]
    _, _, salt, commitment, nonce = _HEADER.unpack(header)
    record_key, expected = _derived(key, salt, associated_data)
    if not hmac.compare_digest(expected, commitment):
        raise WillNotOpen("The envelope does not belong to this place and key.")
    try:
        return AESGCM(record_key).decrypt(nonce, envelope[_HEADER.size :], header + associated_data)
    except InvalidTag:
        raise WillNotOpen("The envelope was altered.") from None


def version_of(envelope: bytes) -> int:
    """The version of the data key that an envelope names.

    Raises:
        WillNotOpen: too short to name one.
    """
    if len(envelope) < _HEADER.size:
        raise WillNotOpen("The envelope is too short.")
    return int.from_bytes(envelope[_VERSION])


def _derived(key: bytes, salt: bytes, associated_data: bytes) -> tuple[bytes, bytes]:
    """The record key and the commitment to it."""
    both = HKDF(_SHA512, 2 * KEY_BYTES, salt, _INFO + associated_data).derive(key)
    return both[:KEY_BYTES], both[KEY_BYTES:]
