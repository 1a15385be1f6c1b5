"""Data keys move to the primary key-encryption key, whole, and whatever cannot move is named."""

import sys

import pytest
from pytest_django import Settings

from accounts.models import Merchant
from stripe_keys import vault
from stripe_keys.models import KekCanary, KeyUse, MerchantDataKey, SiteDataKey
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


def test_every_data_key_moves_and_every_key_still_opens(
    adas_merchant: Merchant, eves_merchant: Merchant, old_kek: str, new_kek: str, settings: Settings
) -> None:
    secrets = [Secret(a_restricted_key(livemode=livemode)) for livemode in (True, False)]
    keys = [a_stored_key(adas_merchant, secrets[0]), a_stored_key(eves_merchant, secrets[1])]
    factor = vault.encrypt_site_secret("second-factor", "a shared secret")
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]

    ran = run("rewrap_data_keys", "--batch-size", "1")

    assert not ran.failed
    assert "Data keys moved: 3." in ran.output
    assert "0 rows on kek k1\n" in ran.output
    assert "once every process runs with k2 first: k1." in ran.output
    assert {kek_id for _, kek_id, _ in everything_wrapped()} == {"k2"}
    settings.KEY_ENCRYPTION_KEYS = [new_kek]  # the old one is gone
    data_keys.forget()
    assert [vault.decrypt(key) for key in keys] == secrets
    assert vault.decrypt_site_secret("second-factor", factor) == "a shared secret"


def test_a_dry_run_tells_the_plan_and_changes_nothing(
    adas_merchant: Merchant, old_kek: str, new_kek: str, settings: Settings
) -> None:
    a_stored_key(adas_merchant)
    vault.encrypt_site_secret("second-factor", "a shared secret")
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    before = everything_wrapped()

    ran = run("rewrap_data_keys", "--dry-run")

    assert not ran.failed
    lines = [line.split() for line in ran.output.splitlines()]
    assert ["k1", "merchants", "1", "rewrap", "under", "k2"] in lines
    assert ["k1", "site", "1", "rewrap", "under", "k2"] in lines
    assert "Nothing was changed." in ran.output
    assert everything_wrapped() == before
    assert [canary.kek_id for canary in KekCanary.objects.all()] == ["k1"]


def test_a_dry_run_tells_what_would_stand_in_the_way(
    adas_merchant: Merchant, old_kek: str, new_kek: str, settings: Settings
) -> None:
    a_stored_key(adas_merchant)
    settings.KEY_ENCRYPTION_KEYS = [new_kek]

    assert "Not possible now: The key-encryption key 'k1'" in run("rewrap_data_keys", "--dry-run").output


def test_a_second_run_finds_nothing_to_do(
    adas_merchant: Merchant, old_kek: str, new_kek: str, settings: Settings
) -> None:
    a_stored_key(adas_merchant)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    run("rewrap_data_keys")
    before = everything_wrapped()

    ran = run("rewrap_data_keys")

    assert not ran.failed
    assert "Data keys moved: 0." in ran.output
    assert everything_wrapped() == before


def test_nothing_is_opened_and_no_data_key_remembered(
    adas_merchant: Merchant, old_kek: str, new_kek: str, settings: Settings
) -> None:
    a_stored_key(adas_merchant)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    data_keys.forget()

    run("rewrap_data_keys")

    assert not KeyUse.objects.exists()
    assert data_keys._unwrapped.cache_info().currsize == 0


def test_a_row_that_does_not_open_is_named_and_left_and_the_others_move(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    keys = many_stored_keys(3)
    damaged = MerchantDataKey.objects.get(merchant=keys[1].merchant)
    altered = flip_last_bit(damaged.wrapped)
    MerchantDataKey.objects.filter(pk=damaged.pk).update(wrapped=altered)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]

    ran = run("rewrap_data_keys")

    assert ran.failed
    assert f"Does not open: data key of merchants {damaged.pk}\n" in ran.output
    assert "1 row on kek k1\n" in ran.output
    assert "May be taken out" not in ran.output
    assert MerchantDataKey.objects.counts_by_kek_id() == {"k1": 1, "k2": 2}
    damaged.refresh_from_db()
    assert bytes(damaged.wrapped) == altered


def test_an_old_key_that_was_removed_too_early_is_named_and_the_others_move(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    many_stored_keys(2)
    between = a_local_key("k3")
    settings.KEY_ENCRYPTION_KEYS = [between]
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, between]

    ran = run("rewrap_data_keys", "--batch-size", "1")

    assert ran.failed
    assert "Left alone: The key-encryption key 'k1' is not configured." in ran.output
    assert "2 rows on kek k1" in ran.output
    assert "k2 first: k3." in ran.output
    assert MerchantDataKey.objects.counts_by_kek_id() == {"k1": 2, "k2": 1}


def test_an_old_key_with_other_bytes_is_told_and_not_taken_for_damaged_rows(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    many_stored_keys(2)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, a_local_key("k1")]
    before = everything_wrapped()

    ran = run("rewrap_data_keys")

    assert ran.failed
    assert "Left alone: The key-encryption key 'k1' is not the one" in ran.output
    assert "Does not open" not in ran.output
    assert everything_wrapped() == before


def test_a_primary_with_a_known_name_and_other_bytes_moves_nothing(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    vault.ensure_canary("k2")
    settings.KEY_ENCRYPTION_KEYS = [a_local_key("k2"), old_kek]
    before = everything_wrapped()

    ran = run("rewrap_data_keys")

    assert ran.failed
    assert ran.output.startswith("The key-encryption key 'k2' is not the one")
    assert everything_wrapped() == before


@pytest.mark.parametrize("listed", [[], ["k2"], ["k2:AAAA"]])
def test_an_unusable_primary_is_refused(listed: list[str], old_kek: str, settings: Settings) -> None:
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = listed

    ran = run("rewrap_data_keys")

    assert ran.failed
    assert ran.output.startswith("KEY_ENCRYPTION_KEYS")


def test_a_retired_keys_canary_keeps_nobody_from_starting(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    run("rewrap_data_keys")

    settings.KEY_ENCRYPTION_KEYS = [new_kek]

    assert KekCanary.objects.filter(kek_id="k1").exists()
    assert vault.canary_problems() == []


def test_a_retired_keys_name_is_not_given_to_another_key(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    run("rewrap_data_keys")

    settings.KEY_ENCRYPTION_KEYS = [a_local_key("k1"), new_kek]

    assert run("rewrap_data_keys").output.startswith("The key-encryption key 'k1' is not the one")


def test_batches_have_at_least_one_row(old_kek: str) -> None:
    assert run("rewrap_data_keys", "--batch-size", "0").failed


def test_a_log_sees_no_progress_bar(
    old_kek: str, new_kek: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    many_stored_keys(1)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]

    run("rewrap_data_keys")

    assert "".join(capsys.readouterr()) == ""


def test_a_terminal_sees_one(
    old_kek: str,
    new_kek: str,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many_stored_keys(2)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    run("rewrap_data_keys")

    assert "2/2" in capsys.readouterr().err


def test_the_newest_data_key_of_the_site_is_moved_in_place(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    vault.encrypt_site_secret("second-factor", "a shared secret")
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]

    run("rewrap_data_keys")
    vault.encrypt_site_secret("second-factor", "another")

    assert [row.version for row in SiteDataKey.objects.all()] == [1]
