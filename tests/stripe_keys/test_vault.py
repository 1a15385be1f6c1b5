"""Envelopes open only in their own place, with their own keys, unaltered."""

import base64
import os
import uuid
from threading import Thread

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import vault
from stripe_keys.checks import check_key_material
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from tests.people import a_restricted_key, merchant_of


def a_key_row(merchant: Merchant, secret: Secret) -> RestrictedKey:
    """A stored row for `secret`, without its envelope."""
    mark = vault.fingerprint(secret)
    return RestrictedKey.objects.create(
        merchant=merchant,
        livemode=secret.livemode,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
    )


@pytest.fixture
def secret() -> Secret:
    return Secret(a_restricted_key())


@pytest.fixture
def envelope(adas_merchant: Merchant, secret: Secret) -> KeyEnvelope:
    key = a_key_row(adas_merchant, secret)
    return KeyEnvelope.objects.create(key=key, envelope=vault.encrypt(key, secret))


def test_what_was_encrypted_comes_back(envelope: KeyEnvelope, secret: Secret) -> None:
    stored = KeyEnvelope.objects.get(pk=envelope.pk)

    assert vault.decrypt(stored) == secret
    assert secret.reveal().encode() not in bytes(stored.envelope)


def test_the_same_key_is_never_encrypted_to_the_same_bytes(envelope: KeyEnvelope, secret: Secret) -> None:
    again = vault.encrypt(envelope.key, secret)

    assert again[5:37] != bytes(envelope.envelope)[5:37], "the salt repeats"
    assert len(again) == 204


def test_any_flipped_bit_is_refused(envelope: KeyEnvelope) -> None:
    whole = bytes(envelope.envelope)
    opened = []

    for bit in range(len(whole) * 8):
        altered = bytearray(whole)
        altered[bit // 8] ^= 1 << bit % 8
        envelope.envelope = bytes(altered)
        try:
            opened.append(vault.decrypt(envelope))
        except vault.WillNotOpen:
            continue

    assert opened == []


@pytest.mark.parametrize("length", [0, 1, 5, 80, 81, 96, 203])
def test_truncated_envelopes_are_refused(envelope: KeyEnvelope, length: int) -> None:
    envelope.envelope = bytes(envelope.envelope)[:length]

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(envelope)


@pytest.mark.parametrize("moved", ["row", "merchant", "mode", "environment"])
def test_envelope_moved_elsewhere_is_refused(
    envelope: KeyEnvelope, eves_merchant: Merchant, secret: Secret, settings: Settings, moved: str
) -> None:
    if moved == "row":
        envelope.key.pk = uuid.uuid4()
    elif moved == "merchant":
        other = a_key_row(eves_merchant, Secret(a_restricted_key()))
        vault.encrypt(other, secret)  # Eve has a data key of her own
        envelope.key.merchant = eves_merchant
    elif moved == "mode":
        envelope.key.livemode = not envelope.key.livemode
    else:
        settings.SITE_ENVIRONMENT = "elsewhere"

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(envelope)


def test_without_the_data_key_nothing_opens(envelope: KeyEnvelope) -> None:
    MerchantDataKey.objects.all().delete()

    with pytest.raises(vault.WillNotOpen):
        vault.decrypt(envelope)


def test_a_new_primary_key_leaves_old_envelopes_readable(
    envelope: KeyEnvelope, secret: Secret, settings: Settings
) -> None:
    fresh = f"next:{base64.b64encode(os.urandom(32)).decode()}"
    old = list(settings.KEY_ENCRYPTION_KEYS)

    settings.KEY_ENCRYPTION_KEYS = [fresh, *old]
    assert vault.primary_kek_id() == "next"
    assert vault.decrypt(envelope) == secret

    settings.KEY_ENCRYPTION_KEYS = [fresh]
    with pytest.raises(vault.WillNotOpen, match=old[0].partition(":")[0]):
        vault.decrypt(envelope)


def test_equal_keys_have_equal_fingerprints(secret: Secret, settings: Settings) -> None:
    first = vault.fingerprint(secret)

    assert vault.fingerprint(Secret(secret.reveal())) == first
    assert vault.fingerprint(Secret(a_restricted_key())) != first
    settings.FINGERPRINT_KEYS = [f"f2:{base64.b64encode(os.urandom(32)).decode()}"]
    assert vault.fingerprint(secret).digest != first.digest


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_length_prefixed_lists_are_told_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (vault.length_prefixed(*one) == vault.length_prefixed(*other)) == (one == other)


def test_site_secrets_open_for_their_purpose_only() -> None:
    stored = vault.encrypt_site_secret("second-factor", "a shared secret")

    assert vault.decrypt_site_secret("second-factor", stored) == "a shared secret"
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt_site_secret("another", stored)
    with pytest.raises(vault.WillNotOpen):
        vault.decrypt_site_secret("second-factor", stored[:-4] + "AAAA")


@pytest.mark.parametrize(
    "listed", [[], ["k1"], ["k1:"], ["k1:!!"], [f"k1:{base64.b64encode(bytes(16)).decode()}"], [":AAAA"]]
)
def test_malformed_key_material_is_named_and_not_shown(settings: Settings, listed: list[str]) -> None:
    settings.KEY_ENCRYPTION_KEYS = listed

    problems = check_key_material()

    assert [problem.id for problem in problems] == ["stripe_keys.E002"]
    assert "KEY_ENCRYPTION_KEYS" in problems[0].msg


def test_key_material_must_differ_by_use(settings: Settings) -> None:
    settings.FINGERPRINT_KEYS = list(settings.KEY_ENCRYPTION_KEYS)

    assert [problem.id for problem in check_key_material()] == ["stripe_keys.E002"]


@pytest.mark.django_db(transaction=True)
def test_two_first_keys_at_once_share_one_data_key(ada: User) -> None:
    merchant = merchant_of(ada)
    secrets = [Secret(a_restricted_key(livemode=livemode)) for livemode in (True, False)]
    rows = [a_key_row(merchant, secret) for secret in secrets]

    def encrypt(row: RestrictedKey, secret: Secret) -> None:
        try:
            KeyEnvelope.objects.create(key=row, envelope=vault.encrypt(row, secret))
        finally:
            connection.close()

    threads = [Thread(target=encrypt, args=pair) for pair in zip(rows, secrets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert MerchantDataKey.objects.filter(merchant=merchant).count() == 1
    assert [vault.decrypt(row.envelope) for row in rows] == secrets
