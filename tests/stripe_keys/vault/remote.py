"""What the tests of key services that are a network away have in common."""

import os

import pytest

from stripe_keys.vault.errors import VaultError
from stripe_keys.vault.key_services import KeyContext, KeyService, Wrapped

PATIENCE = 0.3  # seconds
AN_ARN = "arn:aws:kms:eu-central-1:111122223333:key/0000"
HERE = KeyContext("data-key", "1", 1)
SITE = KeyContext("site-data-key", "", 1)
DATA_KEY = os.urandom(32)


def trouble_with(service: KeyService, wrapped: Wrapped, context: KeyContext = HERE) -> VaultError:
    """What unwrapping ends with; nobody who looks at it finds what the service was asked or said."""
    with pytest.raises(VaultError) as caught:
        service.unwrap(wrapped.kek_id, context, wrapped.blob)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value
