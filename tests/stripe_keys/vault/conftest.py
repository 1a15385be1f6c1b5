"""What the tests of the vault's rooms share."""

import pytest

from stripe_keys.vault import DeliveryKey, new_delivery_key


@pytest.fixture(scope="module")
def ours() -> DeliveryKey:
    """The key that deliveries are made for; making one takes a while."""
    return new_delivery_key()


@pytest.fixture(scope="module")
def a_strangers() -> DeliveryKey:
    """A key of somebody else."""
    return new_delivery_key()
