"""The database was put back, or a key-encryption key is gone: the app makes new keys and ends what nobody knows."""

import base64
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import vault
from stripe_keys.managed import orphans, schedule
from stripe_keys.models import LedgerEntry, Minting, RestrictedKey, Retirement, Validation
from stripe_keys.vault import data_keys
from tests.stripe_keys.erasing.restoring import a_line, after_restore
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import fall_due, let_pass, rotate, work_after

Status = RestrictedKey.Status
HOUR = timedelta(hours=1)


def work_on_checks(managed: Managed) -> None:
    """Workers do every check, and what follows."""
    for _ in range(3):
        Validation.objects.filter(state="waiting").update(due_at=timezone.now())
        managed.work()


def forget_the_last_rotation(key: RestrictedKey) -> None:
    """The database is as it was before it."""
    LedgerEntry.objects.all().delete()
    Retirement.objects.all().delete()
    Minting.objects.latest("pk").delete()
    newest = RestrictedKey.objects.latest("created_at")
    envelope = newest.envelope
    RestrictedKey.objects.filter(pk=key.pk).update(replaced_by=None)
    envelope.delete()
    Validation.objects.filter(key=newest).delete()
    RestrictedKey.objects.filter(pk=newest.pk).update(
        stripe_key_id="mk_NoTraceIsLeft0", status=Status.REMOVED, managed_by="user"
    )
    RestrictedKey.objects.filter(pk=key.pk).update(status=Status.ACTIVE, last_checked_at=None)


def test_a_restored_database_uses_no_dead_key_and_leaves_no_unknown_one(
    managed: Managed, key: RestrictedKey, ledger_path: Path
) -> None:
    rotate(managed)
    unknown = managed.key().stripe_key_id
    forget_the_last_rotation(key)
    a_line(ledger_path, key, status="replaced")

    after_restore()
    work_on_checks(managed)
    assert not RestrictedKey.objects.usable().exists(), "what the ledger says ended is not used"
    schedule.plan()
    managed.work()
    orphans.walk(timezone.now() + HOUR)
    managed.work()

    made = managed.key().stripe_key_id
    assert made not in (unknown, key.stripe_key_id)
    assert managed.living_at_stripe() == {made}


@pytest.fixture
def kek_is_lost(settings: Settings) -> str:
    """The id of the key-encryption key that will be gone."""
    return vault.primary_kek_id()


def lose(kek_id: str, settings: Settings) -> None:
    """Take it away, and say so."""
    settings.KEY_ENCRYPTION_KEYS = [f"fresh:{base64.b64encode(os.urandom(32)).decode()}"]
    data_keys.forget()
    call_command("declare_kek_lost", kek_id, erase=kek_id)


def test_with_the_key_encryption_key_gone_another_key_is_made(
    managed: Managed,
    key: RestrictedKey,
    kek_is_lost: str,
    settings: Settings,
    time_passes: Callable[[timedelta], None],
) -> None:
    managed.at_stripe.admin.switch(expire_lag_seconds=600)
    rotate(managed)
    serving = managed.key()
    let_pass(2 * HOUR)
    lose(kek_is_lost, settings)

    schedule.plan()
    managed.work()
    time_passes(timedelta(seconds=601))
    work_after(managed, timedelta(minutes=11))

    assert managed.key().pk != serving.pk
    assert managed.living_at_stripe() == {managed.key().stripe_key_id}
    assert set(Retirement.objects.values_list("state", "outcome")) == {("done", "gone")}
    waiting = Notice.objects.exclude(merchant=None).filter(dedupe_key__startswith="unreadable")
    assert not waiting.exists(), "there was nothing for the merchant to do"


def test_a_delivery_that_opens_no_more_ends_with_a_sentence(
    managed: Managed, key: RestrictedKey, kek_is_lost: str, settings: Settings
) -> None:
    managed.at_stripe.admin.switch(encrypts_in_test_mode=True)
    managed.at_stripe.admin.add_fault(kind="reset", path="/v2/iam/api_keys$", method="POST", moment="after")
    fall_due()
    schedule.plan()
    managed.work()
    assert managed.minting().delivery_key
    lose(kek_is_lost, settings)

    work_after(managed, HOUR)

    minting = managed.minting()
    assert (minting.state, minting.outcome, minting.delivery_key) == ("done", "not_opened", "")
    assert key.stripe_key_id in managed.living_at_stripe()
    assert len(managed.living_at_stripe()) == 1
