"""The audit compares each fingerprint with what is inside; a wrong one alarms, and condemns no key."""

import pytest
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.audit.damage import a_kept_key, alarms, audited, flip_a_bit, found
from tests.stripe_keys.rotation.stored import a_local_key


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's key with its envelope."""
    return a_kept_key(ada)


def test_a_fingerprint_of_something_else_is_wrong_and_condemns_nothing(key: RestrictedKey) -> None:
    flip_a_bit(key, "fingerprint")

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} wrong fingerprint" in printed
    assert "rotate_fingerprints --all" in alarms()[0]
    assert found("restricted_key") == {"wrong fingerprint": 1}
    key.refresh_from_db()
    assert key.quarantined_at is None


def test_a_fingerprint_by_an_older_key_is_ok(key: RestrictedKey, settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = [a_local_key("next"), *settings.FINGERPRINT_KEYS]

    assert audited()[0] == 0


def test_a_fingerprint_by_a_key_that_is_not_configured_is_told(
    key: RestrictedKey, settings: Settings
) -> None:
    settings.FINGERPRINT_KEYS = [a_local_key("next")]

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} unknown fingerprint key" in printed
    assert found("restricted_key") == {"unknown fingerprint key": 1}
    key.refresh_from_db()
    assert key.quarantined_at is None
