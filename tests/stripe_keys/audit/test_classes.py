"""Each class of the audit, produced by really damaging, moving, deleting or closing rows."""

import base64
import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys import vault
from stripe_keys.models import (
    KekCanary,
    KeyEnvelope,
    KeyUse,
    MerchantDataKey,
    RestrictedKey,
    SiteDataKey,
)
from stripe_keys.vault import data_keys
from tests.people import TOTP_SECRET, a_restricted_key, merchant_of
from tests.stripe_keys.audit.damage import (
    a_kept_key,
    audited,
    damage,
    flip_a_bit,
    found,
    many_kept_keys,
    newest,
)


@pytest.fixture
def key(ada: User) -> RestrictedKey:
    """Ada's key with its envelope."""
    return a_kept_key(ada)


def a_local_key(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


def test_a_sound_vault_is_all_ok(key: RestrictedKey, olga: User) -> None:
    status, printed = audited()

    assert status == 0, printed
    assert newest().finished_at is not None
    assert newest().counts == {
        "canary": {"ok": 1},
        "site_data_key": {"ok": 1},
        "data_key": {"ok": 1},
        "restricted_key": {"ok": 1},
        "second_factor": {"ok": 2},
    }
    assert newest().findings == []


def test_an_empty_vault_is_in_order(db: None) -> None:
    assert audited()[0] == 0


def damage_the_envelope(key: RestrictedKey) -> None:
    damage(key)


def take_another_s_envelope(key: RestrictedKey) -> None:
    other = a_kept_key(key.merchant, purpose="other")
    KeyEnvelope.objects.filter(key=key).update(envelope=bytes(KeyEnvelope.objects.get(key=other).envelope))


def change_the_mode(key: RestrictedKey) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(livemode=not key.livemode)


def cut_it_short(key: RestrictedKey) -> None:
    KeyEnvelope.objects.filter(key=key).update(envelope=b"\x01")


def damage_its_data_key(key: RestrictedKey) -> None:
    flip_a_bit(MerchantDataKey.objects.get(merchant=key.merchant), "wrapped")


@pytest.mark.parametrize(
    "harm",
    [damage_the_envelope, take_another_s_envelope, change_the_mode, cut_it_short, damage_its_data_key],
)
def test_a_key_that_does_not_open_is_unreadable_and_quarantined(
    key: RestrictedKey, eve: User, harm: Callable[[RestrictedKey], None]
) -> None:
    sound = a_kept_key(eve)
    harm(key)
    data_keys.forget()

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} unreadable" in printed
    assert found("restricted_key")["unreadable"] == 1
    key.refresh_from_db()
    sound.refresh_from_db()
    assert key.quarantined_at is not None
    assert sound.quarantined_at is None


def test_a_damaged_data_key_is_unreadable(key: RestrictedKey) -> None:
    row = MerchantDataKey.objects.get()
    flip_a_bit(row, "wrapped")
    data_keys.forget()

    _, printed = audited()

    assert f"data_key {row.pk} unreadable" in printed


def test_a_damaged_data_key_of_the_site_takes_second_factors_with_it(olga: User) -> None:
    flip_a_bit(SiteDataKey.objects.get(), "wrapped")
    data_keys.forget()

    status, _ = audited()

    assert status == 1
    assert found("site_data_key") == {"unreadable": 1}
    assert found("second_factor") == {"unreadable": 2}


@pytest.mark.parametrize("text", ["nonsense", "", None, 5])
def test_a_second_factor_that_does_not_open_is_unreadable(olga: User, text: object) -> None:
    row = Authenticator.objects.get(user=olga, type="totp")
    Authenticator.objects.filter(pk=row.pk).update(data={"secret": text})

    _, printed = audited()

    assert f"second_factor {row.pk} unreadable" in printed
    assert found("second_factor") == {"ok": 1, "unreadable": 1}


def test_a_damaged_canary_is_told_from_a_wrong_key(key: RestrictedKey) -> None:
    canary = KekCanary.objects.get(kek_id=vault.primary_kek_id())
    flip_a_bit(canary, "wrapped")

    _, printed = audited()

    assert f"canary {canary.kek_id} unreadable" in printed
    assert found("restricted_key") == {"ok": 1}


def test_an_envelope_of_an_ended_key_is_an_orphan(key: RestrictedKey) -> None:
    RestrictedKey.objects.update(status="removed")

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} orphan" in printed


def test_everything_of_a_closed_merchant_is_an_orphan(key: RestrictedKey) -> None:
    Merchant.objects.update(closed_at=timezone.now())

    status, _ = audited()

    assert status == 1
    assert found("restricted_key") == {"orphan": 1}
    assert found("data_key") == {"orphan": 1}
    key.refresh_from_db()
    assert key.quarantined_at is None


def test_an_outdated_data_key_that_nothing_needs_is_an_orphan(key: RestrictedKey) -> None:
    old = MerchantDataKey.objects.get()
    data_keys.add_version(key.merchant, 2)
    assert audited()[0] == 0, "the newest may wait for its first envelope, and the old one is needed"

    KeyEnvelope.objects.all().delete()
    RestrictedKey.objects.all().delete()
    status, printed = audited()

    assert status == 1
    assert f"data_key {old.pk} orphan" in printed
    assert found("data_key") == {"ok": 1, "orphan": 1}


def test_a_kept_key_without_envelope_is_missing(key: RestrictedKey) -> None:
    KeyEnvelope.objects.all().delete()

    status, printed = audited()

    assert status == 1
    assert f"restricted_key {key.pk} missing" in printed
    key.refresh_from_db()
    assert key.quarantined_at is not None
    assert audited()[0] == 0, "its merchant has been asked: there is nothing left to do"


def test_rows_under_another_primary_are_old(key: RestrictedKey, settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("next"), *settings.KEY_ENCRYPTION_KEYS]
    vault.ensure_canary("next")

    status, printed = audited()

    assert status == 0, "a rotation that has just begun"
    assert "rewrap_data_keys" in printed
    assert found("restricted_key") == {"old kek": 1}
    assert found("data_key") == {"old kek": 1}


def test_a_rotation_that_lasts_longer_than_a_day_is_not_in_order(
    key: RestrictedKey, settings: Settings
) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("next"), *settings.KEY_ENCRYPTION_KEYS]
    vault.ensure_canary("next")
    KekCanary.objects.update(created_at=timezone.now() - timedelta(hours=25))

    status, printed = audited()

    assert status == 1
    assert "begun more than a day ago" in printed


def lose_the_key(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("other")]


def take_other_bytes(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = [a_local_key(vault.primary_kek_id())]


def move_to_another_environment(settings: Settings) -> None:
    settings.SITE_ENVIRONMENT = "elsewhere"


def have_no_service(settings: Settings) -> None:
    settings.KEY_SERVICE = "none of these"
    settings.KEY_ENCRYPTION_KEYS = []


@pytest.mark.parametrize(
    "fault", [lose_the_key, take_other_bytes, move_to_another_environment, have_no_service]
)
def test_faults_of_the_operator_condemn_no_row(
    ada: User, olga: User, settings: Settings, fault: Callable[[Settings], None]
) -> None:
    many_kept_keys(ada, 3)
    data_keys.forget()
    fault(settings)

    status, _ = audited()

    assert status == 1
    for kind, count in (("restricted_key", 3), ("data_key", 1), ("site_data_key", 1), ("second_factor", 2)):
        assert found(kind) == {"unknown": count}
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()


def test_a_damaged_name_of_a_key_is_unknown(key: RestrictedKey) -> None:
    MerchantDataKey.objects.update(kek_id="aws-kmz/none")

    audited()

    assert found("restricted_key") == {"unknown": 1}


def test_no_audit_counts_as_a_use_of_a_key(key: RestrictedKey) -> None:
    audited()

    assert not KeyUse.objects.exists()


def test_no_secret_is_told(ada: User, olga: User, caplog: pytest.LogCaptureFixture) -> None:
    text = a_restricted_key()
    key = a_kept_key(ada, text=text)
    broken = a_kept_key(ada, purpose="broken", text=a_restricted_key())
    damage(broken)

    _, printed = audited()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a::text FROM stripe_keys_vaultaudit a UNION SELECT n::text FROM accounts_notice n"
        )
        stored = "".join(row[0] for row in cursor.fetchall())
    assert str(broken.pk) in printed
    assert str(broken.pk) in stored
    for said in (printed, stored, caplog.text):
        assert text[12:] not in said
        assert TOTP_SECRET not in said
    assert merchant_of(ada) == key.merchant
