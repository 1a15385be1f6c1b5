"""A merchant's new data key: all their keys under it, all openings on record, the old data key gone."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant
from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, KeyUse, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys
from tests.people import a_restricted_key
from tests.stripe_keys.rotation.stored import (
    a_local_key,
    a_stored_key,
    everything_wrapped,
    flip_last_bit,
    many_stored_keys,
    run,
)

pytestmark = pytest.mark.django_db


def versions_of(merchant: Merchant) -> list[int]:
    return list(
        MerchantDataKey.objects.filter(merchant=merchant)
        .order_by("version")
        .values_list("version", flat=True)
    )


def version_under(key: RestrictedKey) -> int:
    """The data key that the envelope of `key` needs, by its row and by its own bytes."""
    envelope = KeyEnvelope.objects.select_related("data_key").get(key=key)
    assert int.from_bytes(bytes(envelope.envelope)[1:5]) == envelope.data_key.version
    return envelope.data_key.version


def test_all_keys_of_the_merchant_are_under_a_new_data_key(
    adas_merchant: Merchant, eves_merchant: Merchant
) -> None:
    secrets = [Secret(a_restricted_key(livemode=livemode)) for livemode in (True, False)]
    keys = [a_stored_key(adas_merchant, secret) for secret in secrets]
    a_stored_key(eves_merchant)
    before = MerchantDataKey.objects.get(merchant=adas_merchant)

    ran = run("rotate_merchant_key", str(adas_merchant.pk))

    assert not ran.failed
    assert "1 merchants have a new data key; 2 keys are encrypted under them; 1 old data keys" in ran.output
    data_keys.forget()
    assert [vault.decrypt(key) for key in keys] == secrets
    assert [version_under(key) for key in keys] == [2, 2]
    assert versions_of(adas_merchant) == [2]
    assert versions_of(eves_merchant) == [1]
    after = MerchantDataKey.objects.get(merchant=adas_merchant)
    assert data_keys.unwrapped(after) != data_keys.unwrapped(before)


def test_every_opening_is_on_record(adas_merchant: Merchant) -> None:
    keys = [a_stored_key(adas_merchant, purpose=purpose) for purpose in ("one", "two")]

    run("rotate_merchant_key", str(adas_merchant.pk))

    uses = KeyUse.objects.values_list("key_id", "actor", "reason")
    assert set(uses) == {(key.pk, "rotation", "New data key for the merchant") for key in keys}


def test_a_dry_run_changes_nothing(adas_merchant: Merchant) -> None:
    a_stored_key(adas_merchant)
    before = everything_wrapped()

    ran = run("rotate_merchant_key", "--all", "--dry-run")

    assert "Would give 1 merchants a new data key and encrypt 1 keys under them." in ran.output
    assert everything_wrapped() == before
    assert not KeyUse.objects.exists()


def test_an_envelope_that_does_not_open_stays_and_keeps_its_data_key(adas_merchant: Merchant) -> None:
    good, bad = (a_stored_key(adas_merchant, purpose=purpose) for purpose in ("good", "bad"))
    altered = flip_last_bit(KeyEnvelope.objects.get(key=bad).envelope)
    KeyEnvelope.objects.filter(key=bad).update(envelope=altered)

    ran = run("rotate_merchant_key", str(adas_merchant.pk))

    assert ran.failed
    assert f"Does not open, and stays as it was: key {bad.pk}" in ran.output
    assert bytes(KeyEnvelope.objects.get(key=bad).envelope) == altered
    assert (version_under(good), version_under(bad)) == (2, 1)
    assert versions_of(adas_merchant) == [1, 2]
    assert [use.key for use in KeyUse.objects.all()] == [good]
    assert vault.decrypt(good).last4 == good.last4


def test_a_lost_key_encryption_key_does_not_keep_the_rest_from_a_new_data_key(
    adas_merchant: Merchant, old_kek: str, settings: Settings
) -> None:
    lost = a_stored_key(adas_merchant, purpose="lost")
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("k2")]
    data_keys.forget()
    pasted = a_stored_key(adas_merchant, purpose="pasted since")

    ran = run("rotate_merchant_key", str(adas_merchant.pk))

    assert ran.failed
    assert f"key {lost.pk}" in ran.output
    assert (version_under(lost), version_under(pasted)) == (1, 3)
    assert versions_of(adas_merchant) == [1, 3]


def test_merchants_are_chosen_by_the_age_of_their_newest_data_key(
    adas_merchant: Merchant, eves_merchant: Merchant
) -> None:
    for merchant in (adas_merchant, eves_merchant):
        a_stored_key(merchant)
    MerchantDataKey.objects.filter(merchant=adas_merchant).update(
        created_at=timezone.now() - timedelta(days=400)
    )

    run("rotate_merchant_key", "--older-than-days", "365")

    assert (versions_of(adas_merchant), versions_of(eves_merchant)) == ([2], [1])
    assert "0 merchants" in run("rotate_merchant_key", "--older-than-days", "365").output


def test_all_means_every_open_merchant_with_a_data_key() -> None:
    keys = many_stored_keys(3)
    Merchant.objects.create(name="Without a key")
    Merchant.objects.filter(pk=keys[0].merchant_id).update(closed_at=timezone.now())

    ran = run("rotate_merchant_key", "--all")

    assert not ran.failed
    assert sorted(versions_of(key.merchant)[0] for key in keys) == [1, 2, 2]


def test_merchants_that_cannot_be_rotated_are_named_and_the_others_done(
    adas_merchant: Merchant, eves_merchant: Merchant
) -> None:
    a_stored_key(eves_merchant)
    closed = Merchant.objects.create(name="Closed", closed_at=timezone.now())
    unknown = uuid4()

    ran = run(
        "rotate_merchant_key", str(adas_merchant.pk), str(closed.pk), str(unknown), str(eves_merchant.pk)
    )

    assert ran.failed
    assert f"Merchant {adas_merchant.pk} has no data key yet." in ran.output
    assert f"Merchant {closed.pk} is closed." in ran.output
    assert f"There is no merchant {unknown}." in ran.output
    assert versions_of(eves_merchant) == [2]


@pytest.mark.parametrize(
    "arguments", [[], ["--all", "--older-than-days", "3"], ["--older-than-days", "-1"], ["ada"]], ids=str
)
def test_a_choice_that_is_none_is_refused(arguments: list[str], adas_merchant: Merchant) -> None:
    a_stored_key(adas_merchant)

    assert run("rotate_merchant_key", *arguments).failed
    assert versions_of(adas_merchant) == [1]


def test_a_wrong_primary_rotates_nothing(adas_merchant: Merchant, old_kek: str, settings: Settings) -> None:
    a_stored_key(adas_merchant)
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("k1")]

    ran = run("rotate_merchant_key", "--all")

    assert ran.failed
    assert ran.output.startswith("The key-encryption key 'k1' is not the one")
    assert versions_of(adas_merchant) == [1]
