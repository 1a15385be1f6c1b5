"""After a restore what was erased is erased again, nobody is signed in, and every key is checked before it is used."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import Notice, User
from accounts.notices import tell
from stripe_keys import ledger
from stripe_keys.clients import KeyNotCheckedSinceRestore, stripe_client
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.models import (
    DatabaseRestore,
    InstallState,
    KeyEnvelope,
    LedgerEntry,
    MerchantDataKey,
    RestrictedKey,
    StatusChange,
    Validation,
)
from tests.people import merchant_of
from tests.stripe_keys.erasing.restoring import a_closing, a_line, after_restore
from tests.stripe_keys.ledger.ledgers import a_settled_entry, a_stored_key, an_entry, refusal, written
from work import engine
from work.models import DueRow

pytestmark = pytest.mark.django_db(transaction=True)
Status = RestrictedKey.Status


@pytest.mark.parametrize(
    ("restored_as", "told", "becomes"),
    [
        (Status.ACTIVE, Status.EXPIRED, Status.EXPIRED),
        (Status.LIMITED, Status.REPLACED, Status.REPLACED),
        (Status.ACTIVE, Status.REMOVED, Status.REMOVED),
        (Status.PENDING, Status.REJECTED, Status.REJECTED),
        (Status.PENDING, Status.EXPIRED, Status.REMOVED),
        (Status.ACTIVE, Status.REJECTED, Status.REMOVED),
        (Status.ACTIVE, "a status of tomorrow", Status.REMOVED),
    ],
)
def test_an_erased_key_is_erased_again(
    ada: User, ledger_path: Path, restored_as: str, told: str, becomes: str
) -> None:
    key = a_stored_key(ada, restored_as)
    a_line(ledger_path, key, told, "The merchant removed it.")
    assert refusal() == ledger.RESTORED

    after_restore()

    key.refresh_from_db()
    change = StatusChange.objects.filter(key=key).latest("at")
    assert key.status == becomes
    assert not KeyEnvelope.objects.exists()
    assert (change.actor, change.to_status) == ("the deletion ledger", becomes)
    assert change.reason == "Erased again after a restore of the database. The merchant removed it."
    assert refusal() == ""


def test_a_closed_merchant_is_closed_again(ada: User, eve: User, ledger_path: Path) -> None:
    a_stored_key(ada)
    a_stored_key(ada, livemode=True)
    eves = a_stored_key(eve)
    a_closing(ledger_path, ada)

    after_restore()

    assert merchant_of(ada).__class__.objects.get(pk=merchant_of(ada).pk).closed_at is not None
    assert KeyEnvelope.objects.get().key == eves
    assert MerchantDataKey.objects.get().merchant == merchant_of(eve)
    restore = DatabaseRestore.objects.get()
    assert (restore.entries_replayed, restore.merchants_closed, restore.keys_erased) == (1, 1, 2)


def test_an_envelope_that_an_ended_key_has_left_is_erased(ada: User, ledger_path: Path) -> None:
    a_settled_entry()
    a_stored_key(ada, "removed")

    after_restore()

    assert not KeyEnvelope.objects.exists()


def test_what_the_database_does_not_have_is_remembered_all_the_same(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)
    line = a_line(ledger_path, key, "removed", "The merchant removed it.")
    key.delete()

    after_restore()

    entry = LedgerEntry.objects.get()
    assert (entry.entry_id, entry.key_id, entry.state) == (line.entry_id, line.key_id, DueRow.State.DONE)
    assert (entry.status, entry.reason, entry.erased_at) == (
        "removed",
        "The merchant removed it.",
        line.erased_at,
    )


def test_an_entry_that_waited_in_the_dump_is_settled_when_the_file_has_it(
    ada: User, ledger_path: Path
) -> None:
    entry = an_entry()
    with LedgerFile(ledger_path).opened() as opened:
        opened.append(ledger.record_of(entry))

    after_restore()
    engine.drain("ledger")

    assert [line["entry"] for line in written(ledger_path)] == [str(entry.entry_id)]
    entry.refresh_from_db()
    assert entry.state == DueRow.State.DONE


def test_every_kept_key_is_checked_and_none_handed_out_before(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada, last_ok_at=timezone.now())
    a_settled_entry()
    assert stripe_client(merchant=merchant_of(ada), livemode=False)

    after_restore()

    (check,) = Validation.objects.filter(state=DueRow.State.WAITING)
    assert (check.key, check.reason) == (key, Validation.Reason.RESTORED)
    assert check.due_at < timezone.now() + timedelta(seconds=5)
    assert ledger.last_restore() == DatabaseRestore.objects.get()
    with pytest.raises(KeyNotCheckedSinceRestore):
        stripe_client(merchant=merchant_of(ada), livemode=False)


def test_a_check_that_waited_in_the_dump_is_not_doubled(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)
    Validation.objects.create(
        key=key,
        merchant=key.merchant,
        lane=str(key.merchant_id),
        reason=Validation.Reason.PERIODIC,
        due_at=timezone.now() + timedelta(days=1),
    )

    after_restore("--ledger-was-lost")

    (check,) = Validation.objects.all()
    assert check.due_at < timezone.now() + timedelta(seconds=5)


def test_a_key_whose_merchant_is_asked_about_the_account_is_not_checked(ada: User, ledger_path: Path) -> None:
    a_stored_key(ada, "pending", awaits_account_confirmation=True)

    after_restore("--ledger-was-lost")

    assert not Validation.objects.exists()


def test_everybody_is_signed_out(ada: User, adas_browser: Client, ledger_path: Path) -> None:
    InstallState.objects.create(
        state_hash=b"x" * 32,
        user=ada,
        merchant=merchant_of(ada),
        livemode=False,
        expires_at=timezone.now() + timedelta(minutes=10),
    )
    cache.set("a_limit", 1)
    assert adas_browser.get("/stripe/keys/").status_code == 200

    after_restore("--ledger-was-lost")

    assert adas_browser.get("/stripe/keys/").status_code == 302
    assert not Session.objects.exists()
    assert not InstallState.objects.exists()
    assert cache.get("a_limit") is None


def test_mails_sent_since_the_dump_do_not_hide_new_ones(ada: User, ledger_path: Path) -> None:
    tell(merchant=merchant_of(ada), subject="Before", body="Before.", dedupe_key="before")

    after_restore("--ledger-was-lost")

    tell(merchant=merchant_of(ada), subject="After", body="After.", dedupe_key="after")
    before, after = Notice.objects.order_by("pk")
    assert after.pk - before.pk > 900_000
    assert before.state == DueRow.State.WAITING  # twice is better than never
