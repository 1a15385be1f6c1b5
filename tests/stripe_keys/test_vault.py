"""Envelopes open only in their own place, with their own keys, unaltered."""

import base64
import os
from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys, envelopes
from tests.people import a_restricted_key, merchant_of


def a_key_row(merchant: Merchant, secret: Secret, purpose: str = "default") -> RestrictedKey:
    """A stored row for `secret`, without its envelope."""
    mark = vault.fingerprints(secret)[0]
    return RestrictedKey.objects.create(
        merchant=merchant,
        purpose=purpose,
        livemode=secret.livemode,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
    )


def a_local_key(key_id: str) -> str:
    """A fresh key as the settings list it."""
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture
def secret() -> Secret:
    return Secret(a_restricted_key())


@pytest.fixture
def key(adas_merchant: Merchant, secret: Secret) -> RestrictedKey:
    """A key of Ada's with its envelope."""
    key = a_key_row(adas_merchant, secret)
    vault.encrypt(key, secret).save()
    return key


def stored_bytes(key: RestrictedKey) -> bytes:
    return bytes(KeyEnvelope.objects.get(key=key).envelope)


def put(key: RestrictedKey, envelope: bytes) -> None:
    KeyEnvelope.objects.filter(key=key).update(envelope=envelope)


def test_what_was_encrypted_comes_back(key: RestrictedKey, secret: Secret) -> None:
    assert vault.decrypt(key) == secret
    assert secret.reveal().encode() not in stored_bytes(key)


def test_the_same_key_is_never_encrypted_to_the_same_bytes(key: RestrictedKey, secret: Secret) -> None:
    again = bytes(vault.encrypt(key, secret).envelope)

    assert again[5:37] != stored_bytes(key)[5:37], "the salt repeats"
    assert len(again) == 204


def test_any_flipped_bit_is_refused(key: RestrictedKey) -> None:
    whole = stored_bytes(key)
    envelope = KeyEnvelope.objects.select_related("key", "data_key").get(key=key)
    opened = []

    for bit in range(len(whole) * 8):
        altered = bytearray(whole)
        altered[bit // 8] ^= 1 << bit % 8
        envelope.envelope = bytes(altered)
        try:
            opened.append(vault.open_envelope(envelope))
        except vault.WillNotOpen:
            continue

    assert opened == []


@pytest.mark.parametrize("length", [0, 1, 5, 80, 81, 96, 203])
def test_truncated_envelopes_are_refused(key: RestrictedKey, length: int) -> None:
    put(key, stored_bytes(key)[:length])

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(key)


def test_an_envelope_moved_to_another_row_is_refused(key: RestrictedKey, adas_merchant: Merchant) -> None:
    other_secret = Secret(a_restricted_key())
    other = a_key_row(adas_merchant, other_secret, purpose="another")
    vault.encrypt(other, other_secret).save()

    put(other, stored_bytes(key))

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(other)


def test_an_envelope_moved_to_another_merchant_is_refused(
    key: RestrictedKey, eves_merchant: Merchant, secret: Secret
) -> None:
    other_secret = Secret(a_restricted_key())
    other = a_key_row(eves_merchant, other_secret)
    vault.encrypt(other, other_secret).save()
    put(other, stored_bytes(key))

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(other)

    KeyEnvelope.objects.filter(key=other).update(data_key=MerchantDataKey.objects.get(merchant=key.merchant))
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(other)


def test_a_row_given_to_another_merchant_does_not_open(key: RestrictedKey, eves_merchant: Merchant) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(merchant=eves_merchant)

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(key)


def test_a_row_whose_mode_was_changed_does_not_open(key: RestrictedKey) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(livemode=not key.livemode)

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(key)


def test_an_envelope_of_another_purpose_does_not_open(key: RestrictedKey, secret: Secret) -> None:
    data_key = MerchantDataKey.objects.get(merchant=key.merchant)
    elsewhere = vault.place_of(key)._replace(purpose="delivery-key").associated_data()
    put(
        key,
        envelopes.lock(data_keys.unwrapped(data_key), data_key.version, secret.reveal().encode(), elsewhere),
    )

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(key)


def test_another_environment_is_told_by_the_canary_and_not_by_the_rows(
    key: RestrictedKey, settings: Settings
) -> None:
    settings.SITE_ENVIRONMENT = "elsewhere"

    with pytest.raises(vault.WrongKeyEncryptionKey):
        vault.decrypt(key)
    assert vault.canary_problems() != []


def test_an_erased_key_says_so(key: RestrictedKey) -> None:
    KeyEnvelope.objects.all().delete()

    with pytest.raises(vault.NothingStored):
        vault.decrypt(key)


@pytest.mark.django_db(transaction=True)
def test_the_database_keeps_a_data_key_that_an_envelope_needs(ada: User, secret: Secret) -> None:
    key = a_key_row(merchant_of(ada), secret)
    with transaction.atomic():
        vault.encrypt(key, secret).save()

    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("DELETE FROM stripe_keys_merchantdatakey")

    assert vault.decrypt(key) == secret


def test_a_damaged_data_key_is_told_from_a_wrong_key_encryption_key(
    key: RestrictedKey, settings: Settings
) -> None:
    whole = bytes(MerchantDataKey.objects.get().wrapped)
    MerchantDataKey.objects.update(wrapped=whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(key)

    data_keys.forget()
    settings.KEY_ENCRYPTION_KEYS = [a_local_key(vault.primary_kek_id())]
    with pytest.raises(vault.WrongKeyEncryptionKey):
        vault.decrypt(key)


def test_a_damaged_data_key_does_not_keep_new_keys_out(key: RestrictedKey, secret: Secret) -> None:
    MerchantDataKey.objects.update(wrapped=b"\x01" * 120)

    vault.encrypt(key, secret)

    assert [row.version for row in MerchantDataKey.objects.order_by("version")] == [1, 2]


def test_nothing_is_encrypted_for_a_closed_merchant(adas_merchant: Merchant, secret: Secret) -> None:
    key = a_key_row(adas_merchant, secret)
    Merchant.objects.update(closed_at=timezone.now())

    with pytest.raises(vault.NothingStored):
        vault.encrypt(key, secret)


def test_a_new_primary_key_leaves_old_envelopes_readable(
    key: RestrictedKey, secret: Secret, settings: Settings
) -> None:
    fresh, old = a_local_key("next"), list(settings.KEY_ENCRYPTION_KEYS)

    settings.KEY_ENCRYPTION_KEYS = [fresh, *old]
    assert vault.primary_kek_id() == "next"
    assert vault.decrypt(key) == secret

    data_keys.forget()
    settings.KEY_ENCRYPTION_KEYS = [fresh]
    with pytest.raises(vault.KeyEncryptionKeyMissing, match=old[0].partition(":")[0]):
        vault.decrypt(key)


def test_a_key_with_a_known_name_and_other_bytes_encrypts_nothing(
    key: RestrictedKey, eves_merchant: Merchant, settings: Settings
) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key(vault.primary_kek_id())]
    other = Secret(a_restricted_key())

    with pytest.raises(vault.WrongKeyEncryptionKey):
        vault.encrypt(a_key_row(eves_merchant, other), other)


def test_equal_keys_have_equal_fingerprints(secret: Secret, settings: Settings) -> None:
    [first] = vault.fingerprints(secret)

    assert vault.fingerprints(Secret(secret.reveal())) == [first]
    assert vault.fingerprints(Secret(a_restricted_key())) != [first]
    settings.FINGERPRINT_KEYS = [a_local_key("f2"), *settings.FINGERPRINT_KEYS]
    [new, old] = vault.fingerprints(secret)
    assert old == first
    assert new.digest != first.digest


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_length_prefixed_lists_are_told_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (vault.length_prefixed(*one) == vault.length_prefixed(*other)) == (one == other)


def test_site_secrets_open_for_their_purpose_only(db: None) -> None:
    stored = vault.encrypt_site_secret("second-factor", "a shared secret")

    assert vault.decrypt_site_secret("second-factor", stored) == "a shared secret"
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt_site_secret("another", stored)
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt_site_secret("second-factor", stored[:-4] + "AAAA")


@pytest.mark.django_db(transaction=True)
def test_two_first_keys_at_once_share_one_data_key(ada: User) -> None:
    merchant = merchant_of(ada)
    secrets = [Secret(a_restricted_key(livemode=livemode)) for livemode in (True, False)]
    rows = [a_key_row(merchant, secret) for secret in secrets]

    def encrypt(row: RestrictedKey, secret: Secret) -> None:
        try:
            with transaction.atomic():
                vault.encrypt(row, secret).save()
        finally:
            connection.close()

    threads = [Thread(target=encrypt, args=pair) for pair in zip(rows, secrets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert MerchantDataKey.objects.filter(merchant=merchant).count() == 1
    assert [vault.decrypt(row) for row in rows] == secrets


def test_a_data_key_of_an_unknown_service_is_missing_its_key_and_keeps_nobody_out(
    key: RestrictedKey, secret: Secret
) -> None:
    MerchantDataKey.objects.update(kek_id="weird/x")

    with pytest.raises(vault.KeyEncryptionKeyMissing, match="weird/x"):
        vault.decrypt(key)
    assert vault.encrypt(key, secret).data_key.version == 2
