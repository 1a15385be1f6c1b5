"""A key whose stored form does not open is set apart loudly; trouble of the vault itself condemns no key."""

import base64
import os

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import clients, quarantine
from stripe_keys.models import DatabaseRestore, KeyEnvelope, RestrictedKey, Validation
from stripe_keys.vault import data_keys
from tests.people import merchant_of
from tests.stripe_keys.keys import AtStripe, check_again
from tests.stripe_keys.proven import proven
from work.models import DueRow


@pytest.fixture
def key(ada: User, at_stripe: AtStripe) -> RestrictedKey:
    """Ada's proven key."""
    return proven(ada, at_stripe.bound_key(ada))


def damage(key: RestrictedKey) -> bytes:
    """Flip one bit of the key's envelope; returns the bytes as they were."""
    whole = bytes(KeyEnvelope.objects.get(key=key).envelope)
    KeyEnvelope.objects.filter(key=key).update(envelope=whole[:-1] + bytes([whole[-1] ^ 1]))
    return whole


def titles_to(user: User | None) -> list[str]:
    merchant = merchant_of(user) if user else None
    return list(Notice.objects.filter(merchant=merchant).order_by("pk").values_list("subject", flat=True))


def test_a_check_that_cannot_open_the_key_quarantines_it(key: RestrictedKey, ada: User) -> None:
    damage(key)

    after = check_again(key)

    assert after.quarantined_at is not None
    assert after.last_problem == "unreadable"
    assert after.status == RestrictedKey.Status.ACTIVE
    assert not after.is_usable
    assert Validation.objects.filter(key=key).latest("pk").verdict == "unreadable"
    assert key.status_changes.filter(reason__contains="does not open").count() == 1
    assert KeyEnvelope.objects.filter(key=key).exists(), "it stays for whoever looks into it"


def test_merchant_and_ops_are_told_once(key: RestrictedKey, ada: User) -> None:
    damage(key)

    check_again(key)
    check_again(key)

    assert sum("paste" in title.lower() for title in titles_to(ada)) == 1
    assert titles_to(None) == ["A stored key does not open"]


def test_partner_code_gets_an_exception_that_says_what_to_do(key: RestrictedKey) -> None:
    damage(key)

    for _ in range(2):
        with pytest.raises(clients.KeyUnreadable) as caught:
            clients.stripe_client(merchant=key.merchant, livemode=False)

    assert caught.value.__cause__ is None
    key.refresh_from_db()
    assert key.quarantined_at is not None


def test_a_key_that_opens_again_is_given_back(key: RestrictedKey) -> None:
    whole = damage(key)
    check_again(key)

    KeyEnvelope.objects.filter(key=key).update(envelope=whole)
    after = check_again(key)

    assert after.quarantined_at is None
    assert after.last_problem == ""
    clients.stripe_client(merchant=key.merchant, livemode=False)


def test_ended_keys_are_left_alone(key: RestrictedKey) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(status=RestrictedKey.Status.EXPIRED)

    assert quarantine.quarantine(key=key, now=timezone.now()) is False


@pytest.mark.parametrize("trouble", ["missing", "wrong"])
def test_a_key_encryption_key_that_is_missing_or_wrong_condemns_nothing(
    key: RestrictedKey, ada: User, settings: Settings, trouble: str
) -> None:
    right = list(settings.KEY_ENCRYPTION_KEYS)
    key_id = right[0].partition(":")[0] if trouble == "wrong" else "another"
    settings.KEY_ENCRYPTION_KEYS = [f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()

    during = check_again(key)

    assert during.quarantined_at is None
    assert during.last_problem == "check_failed"
    waiting = Validation.objects.get(key=key, state=DueRow.State.WAITING)
    assert waiting.attempts == 0
    assert titles_to(None) == []

    settings.KEY_ENCRYPTION_KEYS = right
    assert check_again(key).last_problem == ""


def test_after_a_restore_a_key_is_handed_out_once_it_was_checked(key: RestrictedKey) -> None:
    DatabaseRestore.objects.create()

    with pytest.raises(clients.KeyNotCheckedSinceRestore):
        clients.stripe_client(merchant=key.merchant, livemode=False)

    check_again(key)
    clients.stripe_client(merchant=key.merchant, livemode=False)
