"""A key of Ada's, which leaks."""

import pytest

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key
from tests.stripe_keys.keys import paste
from tests.stripe_keys.leaks.desk import settle


@pytest.fixture
def token() -> str:
    """Ada's key, which leaks."""
    return a_restricted_key(livemode=True)


@pytest.fixture
def key(ada: User, token: str) -> RestrictedKey:
    """Ada's active key, as it is kept."""
    return settle(paste(ada, token, remote_address="192.0.2.7"), RestrictedKey.Status.ACTIVE)
