"""What can go wrong in the vault. No text of a secret or of a key is ever part of a message."""

from typing import Literal


class VaultError(Exception):
    """Something about the stored bytes or the configured keys is wrong."""


class WillNotOpen(VaultError):
    """These bytes will never open here: they were altered, or moved to another place. Quarantine the row."""


class NothingStored(VaultError):
    """There is no envelope: the key was erased, perhaps a moment ago. Read its status again."""


class KeyEncryptionKeyMissing(VaultError):
    """The key-encryption key that this needs is not configured; the message names it. Put it back and try again."""


class KeyServiceAway(VaultError):
    """The service that holds the key-encryption keys did not answer. Nothing is known; try again later."""


class WrongKeyEncryptionKey(VaultError):
    """A key-encryption key has the right id and the wrong bytes: its canary does not open. Restore the right key."""


class WrongFingerprintKey(VaultError):
    """A fingerprint key has the right id and the wrong bytes: nothing would be recognised. Restore the right key."""


class BadKeyMaterial(VaultError):
    """A configured key is missing, malformed or of the wrong length; the message names its id only."""


DeliveryFault = Literal["format", "header", "algorithm", "recipient", "content", "failed"]


class DeliveryRefused(VaultError):
    """What Stripe delivered does not open here; `code` says at which step, and nothing more is known or kept.

    `format`: not a compact JWE of at most 16 KB. `header`: not a plain object of the few members that are taken.
    `algorithm`: asks for another one than RSA-OAEP or RSA-OAEP-256 with A256GCM. `recipient`: made for another key,
    altered, or the key given cannot open anything. `content`: holds something else than one whole Stripe key.
    `failed`: something unforeseen; nothing is known about the delivery, try again.
    """

    def __init__(self, code: DeliveryFault) -> None:
        super().__init__(code)
        self.code: DeliveryFault = code

    def __str__(self) -> str:
        return f"The delivery was refused ({self.code})."
