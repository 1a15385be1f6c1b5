"""What is stored, encrypted, while the app makes a key or ends one: a pair to open a delivery with, a copy of a key."""

import base64
from uuid import UUID

from stripe_keys.secret import NotAKey, Secret
from stripe_keys.vault.delivery_keys import DeliveryKey
from stripe_keys.vault.errors import DeliveryRefused, WillNotOpen
from stripe_keys.vault.site_secrets import PREFIX, decrypt_site_secret, encrypt_site_secret


def seal_delivery_key(minting: UUID, pair: DeliveryKey) -> str:
    """The private half of `pair` for the row of that minting, as ASCII.

    Raises:
        VaultError: the configured keys are unusable, or their service is away.
    """
    return encrypt_site_secret(f"delivery-key:{minting}", base64.b64encode(pair.private_der()).decode())


def unseal_delivery_key(minting: UUID, stored: str) -> DeliveryKey:
    """The pair that `seal_delivery_key` was given.

    Raises:
        WillNotOpen: altered, of another minting, or its data key is gone.
        VaultError: nothing is wrong with the text, but it cannot be opened now.
    """
    try:
        return DeliveryKey.from_der(base64.b64decode(decrypt_site_secret(f"delivery-key:{minting}", stored)))
    except DeliveryRefused:
        raise WillNotOpen("This is not a delivery key.") from None


def seal_copy(key_id: str, secret: Secret) -> str:
    """A copy of `secret`, whose `mk_` id is given, to see with that Stripe refuses it; raises as the above."""
    return encrypt_site_secret(f"retired-key:{key_id}", secret.reveal())


def is_sealed(stored: str) -> bool:
    """Whether the text is one that `seal_copy` gave, rather than a delivery of Stripe's."""
    return stored.startswith(PREFIX)


def unseal_copy(key_id: str, stored: str) -> Secret:
    """The key that `seal_copy` was given; raises as `unseal_delivery_key`."""
    try:
        return Secret(decrypt_site_secret(f"retired-key:{key_id}", stored))
    except NotAKey:
        raise WillNotOpen("This is not a key.") from None
