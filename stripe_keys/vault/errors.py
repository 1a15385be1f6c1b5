"""What can go wrong in the vault. No text of a secret or of a key is ever part of a message."""


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


class BadKeyMaterial(VaultError):
    """A configured key is missing, malformed or of the wrong length; the message names its id only."""
