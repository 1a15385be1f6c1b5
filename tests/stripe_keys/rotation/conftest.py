"""Rings of keys for the tests of rotation."""

import pytest
from pytest_django import Settings

from stripe_keys.vault import data_keys
from tests.stripe_keys.rotation.stored import a_local_key


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test begins without unwrapped data keys, as a new process does."""
    data_keys.forget()


@pytest.fixture
def old_kek(settings: Settings) -> str:
    """The one configured key-encryption key, k1."""
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("k1")]
    return str(settings.KEY_ENCRYPTION_KEYS[0])


@pytest.fixture
def new_kek() -> str:
    """The key-encryption key k2, not yet configured."""
    return a_local_key("k2")


@pytest.fixture
def old_mark(settings: Settings) -> str:
    """The one configured fingerprint key, f1."""
    settings.FINGERPRINT_KEYS = [a_local_key("f1")]
    return str(settings.FINGERPRINT_KEYS[0])
