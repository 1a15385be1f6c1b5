"""A key-encryption key that is gone for good: its keys are set apart, and every merchant can begin again."""

import base64
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import vault
from stripe_keys.models import KekCanary, KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.vault import data_keys
from tests.people import a_restricted_key
from tests.stripe_keys.keys import paste

pytestmark = pytest.mark.django_db


def declare(kek_id: str, **more: object) -> str:
    """Run the command; what it says."""
    said = StringIO()
    call_command("declare_kek_lost", kek_id, stdout=said, **{"erase": kek_id, **more})
    return said.getvalue()


@pytest.fixture
def keys(ada: User, eve: User) -> list[RestrictedKey]:
    """Two merchants' keys under the key-encryption key that will be lost."""
    return [paste(user, a_restricted_key()) for user in (ada, eve)]


@pytest.fixture
def lost(keys: list[RestrictedKey], settings: Settings) -> str:
    """The id of the key-encryption key that is gone; another one has taken its place."""
    [entry] = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = [f"fresh:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()
    return str(entry.partition(":")[0])


def test_start_up_names_what_is_missing(lost: str) -> None:
    [problem] = vault.canary_problems()

    assert repr(lost) in problem


def test_a_dry_run_counts_and_changes_nothing(lost: str) -> None:
    assert declare(lost, dry_run=True).startswith("2 keys would be")
    assert not RestrictedKey.objects.filter(quarantined_at__isnull=False).exists()


def test_its_keys_are_quarantined_and_their_merchants_told(lost: str, keys: list[RestrictedKey]) -> None:
    assert declare(lost).startswith("2 keys quarantined")

    assert RestrictedKey.objects.filter(quarantined_at__isnull=False).count() == 2
    assert Notice.objects.exclude(merchant=None).count() == 2
    assert not Notice.objects.filter(merchant=None).exists(), "ops declared it: they know"
    assert vault.canary_problems() == [], "nothing needs the lost key any more"
    with pytest.raises(CommandError, match="Nothing in this database"):
        declare(lost)


def test_merchants_can_paste_a_key_again_at_once(lost: str, ada: User) -> None:
    declare(lost)

    key = paste(ada, token := a_restricted_key())

    assert vault.decrypt(key).last4 == token[-4:]
    newest = MerchantDataKey.objects.filter(merchant=key.merchant).latest("version")
    assert newest.kek_id == "fresh"


def test_the_same_key_pasted_again_is_stored_afresh(ada: User, settings: Settings) -> None:
    before = paste(ada, token := a_restricted_key())
    lost = vault.primary_kek_id()
    settings.KEY_ENCRYPTION_KEYS = [f"fresh:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()
    declare(lost)

    after = paste(ada, token)

    assert after.pk == before.pk
    assert after.quarantined_at is None
    assert vault.decrypt(after).last4 == token[-4:]


def test_merchants_can_paste_before_the_loss_is_declared(lost: str, ada: User) -> None:
    key = paste(ada, a_restricted_key())

    assert vault.decrypt(key).last4 == key.last4
    assert {row.kek_id for row in MerchantDataKey.objects.filter(merchant=key.merchant)} == {lost, "fresh"}


def test_a_key_that_is_there_cannot_be_declared_lost(keys: list[RestrictedKey]) -> None:
    with pytest.raises(CommandError, match="is configured"):
        declare(vault.primary_kek_id())


def test_a_name_that_nobody_knows_is_refused(keys: list[RestrictedKey]) -> None:
    with pytest.raises(CommandError, match="Nothing in this database"):
        declare("never-heard-of")


def test_the_id_is_asked_for_twice(lost: str) -> None:
    with pytest.raises(CommandError, match=f"2 keys would be erased.*--erase {lost}"):
        declare(lost, erase="")
    assert KeyEnvelope.objects.count() == 2


def test_a_damaged_canary_does_not_make_a_key_lost(keys: list[RestrictedKey]) -> None:
    vault.ensure_canary(kek_id := vault.primary_kek_id())
    KekCanary.objects.update(wrapped=b"\x01" * 120)

    with pytest.raises(CommandError, match="not lost"):
        declare(kek_id)
    assert KeyEnvelope.objects.count() == 2


def test_another_key_of_the_same_name_does_not_make_the_right_one_lost(
    keys: list[RestrictedKey], settings: Settings
) -> None:
    kek_id = vault.primary_kek_id()
    settings.KEY_ENCRYPTION_KEYS = [f"{kek_id}:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()

    with pytest.raises(CommandError, match="Restore the right one"):
        declare(kek_id)
    assert KeyEnvelope.objects.count() == 2
