"""Rows move from one key service to another and back, and bear the absence of either."""

import pytest
from pytest_django import Settings

from accounts.models import User
from stripe_keys import vault
from stripe_keys.models import KekCanary, MerchantDataKey, RestrictedKey
from stripe_keys.vault import data_keys, vault_transit
from stripe_keys.vault.errors import KeyServiceAway
from tests.stripe_keys.keys import AtStripe, check_again, checked, paste
from tests.stripe_keys.rotation.stored import many_stored_keys, run
from tests.stripe_keys.vault.answering import Answering
from tests.stripe_keys.vault.transit_stub import TransitStub

V1, V2 = "vault-transit/merchants:v1", "vault-transit/merchants:v2"


@pytest.mark.django_db
def test_keys_move_from_the_settings_to_kms_and_back(arn: str, settings: Settings) -> None:
    settings.KEY_SERVICE = "local"
    keys = many_stored_keys(2)
    settings.KEY_SERVICE = "aws-kms"
    there = run("rewrap_data_keys")
    assert MerchantDataKey.objects.counts_by_kek_id() == {"aws-kms/k1": 2}
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]
    keys += many_stored_keys(1)

    settings.KEY_SERVICE = "local"
    back = run("rewrap_data_keys")

    assert not there.failed
    assert not back.failed
    settings.AWS_KMS_KEYS = []
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


def test_an_outage_is_hidden_for_minutes_and_then_condemns_no_key(
    arn: str, settings: Settings, ada: User, at_stripe: AtStripe
) -> None:
    key = checked(paste(ada, at_stripe.bound_key(ada).token))
    assert key.status == RestrictedKey.Status.ACTIVE
    with Answering(lambda asked: None) as closed:
        settings.AWS_KMS_ENDPOINT = closed.address
    assert vault.decrypt(key).last4 == key.last4, "its data key is remembered"
    data_keys.forget()

    with pytest.raises(KeyServiceAway):
        vault.decrypt(key)
    after = check_again(key)

    assert after.quarantined_at is None
    assert after.status == RestrictedKey.Status.ACTIVE
    settings.AWS_KMS_ENDPOINT = ""
    assert vault.decrypt(key).last4 == key.last4


@pytest.mark.django_db
def test_a_rotation_in_vault_is_a_rotation_here(transit: TransitStub) -> None:
    keys = many_stored_keys(3)
    transit.key.rotate()
    vault_transit._door_to.cache_clear()  # as in a fresh process

    ran = run("rewrap_data_keys")

    assert not ran.failed
    assert f"0 rows on kek {V1}" in ran.output
    assert MerchantDataKey.objects.counts_by_kek_id() == {V2: 3}
    assert set(KekCanary.objects.values_list("kek_id", flat=True)) == {V1, V2}
    transit.key.min_decryption_version = 2
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


@pytest.mark.django_db
def test_keys_move_from_the_settings_to_vault_and_back(transit: TransitStub, settings: Settings) -> None:
    settings.KEY_SERVICE = "local"
    keys = many_stored_keys(2)
    settings.KEY_SERVICE = "vault-transit"
    there = run("rewrap_data_keys")
    assert MerchantDataKey.objects.counts_by_kek_id() == {V1: 2}
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]

    settings.KEY_SERVICE = "local"
    back = run("rewrap_data_keys")

    assert not there.failed
    assert not back.failed
    transit.fault = "sealed"
    data_keys.forget()
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]
