"""Who holds the key-encryption keys: three small methods, and how a `kek_id` names the service it belongs to."""

import os
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from stripe_keys.vault.envelopes import KEY_BYTES, length_prefixed
from stripe_keys.vault.errors import KeyServiceAway, WillNotOpen


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a wrapped data key is bound to. It may appear in a key service's own log, so it holds ids only."""

    kind: str  # "data-key" of a merchant, "site-data-key", "canary"
    owner: str
    version: int

    def associated_data(self) -> bytes:
        """An injective encoding, with the environment that the site runs in."""
        return length_prefixed(*(part.encode() for part in self.as_pairs().values()))

    def as_pairs(self) -> dict[str, str]:
        """The same as named strings, always in the same order."""
        return {
            "kind": self.kind,
            "owner": self.owner,
            "version": str(self.version),
            "environment": settings.SITE_ENVIRONMENT,
        }


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key that only the key-encryption key `kek_id` can unwrap."""

    kek_id: str
    blob: bytes


class KeyService(Protocol):
    """Wraps and unwraps 32-byte data keys with key-encryption keys that it holds; see `stripe_keys.vault.errors`."""

    def primary_kek_id(self) -> str:
        """The id of the key-encryption key that wraps from now on.

        Raises:
            BadKeyMaterial: none is configured, or none that can be used.
            KeyEncryptionKeyMissing: the service does not have it, or keeps it from this site.
            KeyServiceAway: it cannot be asked.
        """

    def kek_ids(self) -> list[str]:
        """The ids it can unwrap with, as far as it knows without asking anybody; the primary's first where known.

        Raises:
            BadKeyMaterial: its settings are incomplete or malformed.
        """

    def wrap(self, context: KeyContext, data_key: bytes) -> Wrapped:
        """Wrap `data_key` with the primary key-encryption key, bound to `context`.

        Raises:
            BadKeyMaterial, KeyServiceAway: as above.
            KeyEncryptionKeyMissing: the service does not have the primary (any more), or keeps it from this site.
        """

    def unwrap(self, kek_id: str, context: KeyContext, blob: bytes) -> bytes:
        """The data key inside `blob`.

        Raises:
            WillNotOpen: altered, or bound to another context.
            KeyEncryptionKeyMissing: `kek_id` is not configured, or the service does not have it (any more), or keeps
                it from this site.
            KeyServiceAway: nothing is known.
        """

    def health(self) -> None:
        """Prove that it can be reached and used.

        Raises:
            VaultError: it cannot; the message says what to do and shows no secret.
        """


def prove_round_trip(service: KeyService) -> None:
    """Prove that `service` opens what it wraps.

    Raises:
        VaultError: it does not, or cannot be asked; the message says what to do and shows no secret.
    """
    context = KeyContext("health", "", 1)
    probe = os.urandom(KEY_BYTES)
    wrapped = service.wrap(context, probe)
    try:
        opened = service.unwrap(wrapped.kek_id, context, wrapped.blob)
    except WillNotOpen:
        opened = b""
    if opened != probe:
        raise KeyServiceAway(
            f"The key service does not give back what {wrapped.kek_id!r} has just wrapped: do not use it."
        )
