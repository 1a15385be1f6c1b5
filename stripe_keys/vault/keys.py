"""Restricted keys in and out of their envelopes. Each is bound to purpose, merchant, row, mode and environment."""

import hmac
from typing import Literal

from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import NotAKey, Secret
from stripe_keys.vault import data_keys
from stripe_keys.vault.envelopes import Place, lock, unlock, version_of
from stripe_keys.vault.errors import NothingStored, WillNotOpen
from stripe_keys.vault.fingerprints import Fingerprint, fingerprints

# All that opening takes; the rest of the three rows would take as long to read as all of this to decrypt.
_READ = (
    "envelope",
    "key__merchant_id",
    "key__livemode",
    "key__last4",
    "data_key__merchant_id",
    "data_key__version",
    "data_key__kek_id",
    "data_key__wrapped",
)
FingerprintFault = Literal["", "wrong", "unknown key"]


def place_of(key: RestrictedKey) -> Place:
    """Where the envelope of `key` belongs."""
    return Place("restricted-key", key.merchant_id, key.id, key.livemode)


def encrypt(key: RestrictedKey, secret: Secret) -> KeyEnvelope:
    """The envelope of `secret` for the row `key`, not yet saved; the caller saves it in the same transaction.

    Raises:
        NothingStored: the merchant is closed.
        VaultError: the configured keys are unusable, or their service is away.
    """
    data_key = data_keys.newest_of_merchant(key.merchant)
    return KeyEnvelope(key=key, data_key=data_key, envelope=encrypt_under(data_key, key, secret))


def encrypt_under(data_key: MerchantDataKey, key: RestrictedKey, secret: Secret) -> bytes:
    """The bytes of that envelope under one data key of the key's merchant."""
    plaintext = secret.reveal().encode()
    return lock(data_keys.unwrapped(data_key), data_key.version, plaintext, place_of(key).associated_data())


def decrypt(key: RestrictedKey) -> Secret:
    """The secret of `key`, read afresh in one query: key, data key and envelope are of one moment.

    Raises:
        NothingStored: the key was erased, perhaps since it was read.
        WillNotOpen: the bytes were altered or moved. Never an empty or partial secret.
        KeyEncryptionKeyMissing, WrongKeyEncryptionKey, KeyServiceAway: nothing is wrong with the row.
    """
    found = KeyEnvelope.objects.select_related("key", "data_key").only(*_READ).filter(key=key)
    envelope = next(iter(found), None)
    if envelope is None:
        raise NothingStored("No envelope is stored for this key.")
    return open_envelope(envelope)


def open_envelope(envelope: KeyEnvelope) -> Secret:
    """The secret inside `envelope`, whose `key` and `data_key` were read in the same query; raises as `decrypt`."""
    key, data_key, stored = envelope.key, envelope.data_key, bytes(envelope.envelope)
    if data_key.merchant_id != key.merchant_id or data_key.version != version_of(stored):
        raise WillNotOpen("The envelope does not belong to this data key.")
    plaintext = unlock(data_keys.unwrapped(data_key), stored, place_of(key).associated_data())
    try:
        secret = Secret(plaintext.decode("ascii"))
    except (UnicodeDecodeError, NotAKey):
        raise WillNotOpen("The envelope does not hold a key.") from None
    if secret.livemode != key.livemode or secret.last4 != key.last4:
        raise WillNotOpen("The envelope holds another key than its row says.")
    return secret


def verify(envelope: KeyEnvelope) -> FingerprintFault:
    """Prove that `envelope` opens and let go of the secret, which nobody gets; raises as `decrypt`.

    Returns what is wrong with the fingerprint of its row, if anything: it is not the secret's (`wrong`), or the key
    that made it is not configured, so that nobody can say (`unknown key`).
    """
    key = envelope.key
    digests = {mark.key_id: mark.digest for mark in fingerprints(open_envelope(envelope))}
    expected = digests.get(key.fingerprint_key_id)
    if expected is None:
        return "unknown key"
    return "" if hmac.compare_digest(expected, bytes(key.fingerprint)) else "wrong"


def reencrypt(envelope: KeyEnvelope, data_key: MerchantDataKey) -> bytes:
    """The bytes of `envelope` under another data key of the same merchant; raises as `decrypt`."""
    return encrypt_under(data_key, envelope.key, open_envelope(envelope))


def fingerprint_again(key: RestrictedKey) -> Fingerprint:
    """The fingerprint of the secret of `key` under the primary fingerprint key; raises as `decrypt`."""
    return fingerprints(decrypt(key))[0]
