"""What is erased is remembered outside the database, and no erasure waits for that."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import ledger, lifecycle
from stripe_keys.erasing import erasures
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.models import KeyEnvelope, LedgerEntry, MerchantDataKey, RestrictedKey, StripeInstall
from stripe_keys.secret import Secret
from stripe_keys.tasks import LEDGER
from stripe_keys.vault import NothingStored, encrypt
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.ledger.ledgers import (
    a_stored_key,
    an_entry,
    refusal,
    remove,
    written,
)
from tests.stripe_keys.rows import ACCOUNT, a_key
from work import claims, engine
from work.models import DueRow

pytestmark = pytest.mark.django_db(transaction=True)
Status = RestrictedKey.Status


# --- Noting ----------------------------------------------------------------------------------------------------------


def test_a_removed_key_is_remembered_with_what_became_of_it(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)

    remove(key, ada)
    engine.drain("ledger")

    (line,) = written(ledger_path)
    entry = LedgerEntry.objects.get()
    assert line == {
        "v": 1,
        "entry": str(entry.entry_id),
        "kind": "key_erased",
        "merchant": str(key.merchant_id),
        "key": str(key.pk),
        "status": "removed",
        "reason": "The merchant removed it.",
        "at": entry.erased_at.isoformat(),
    }
    assert entry.state == DueRow.State.DONE


@pytest.mark.parametrize("to", [Status.EXPIRED, Status.REPLACED, Status.REMOVED])
def test_every_end_of_a_key_is_remembered(ada: User, to: str) -> None:
    key = a_stored_key(ada)

    with transaction.atomic():
        lifecycle.move(key, to, actor="Stripe", reason="It ended.")

    assert LedgerEntry.objects.get().status == to


def test_a_key_that_was_never_stored_is_not_remembered(ada: User) -> None:
    key = a_key(ada)

    remove(key, ada)

    assert not LedgerEntry.objects.exists()


def test_an_erasure_that_is_undone_is_not_remembered(ada: User) -> None:
    key = a_stored_key(ada)

    with transaction.atomic():
        lifecycle.move(key, Status.REMOVED, actor="Ada", reason="A mistake.")
        transaction.set_rollback(True)

    assert not LedgerEntry.objects.exists()
    assert KeyEnvelope.objects.filter(key=key).exists()


def test_the_file_holds_no_name_address_or_key(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada, stripe_account_id=ACCOUNT)
    other = a_stored_key(ada, livemode=True)
    envelopes = [bytes(one.envelope) for one in KeyEnvelope.objects.all()]

    remove(key, ada)
    erasures.erase_merchant(
        merchant=merchant_of(ada), actor=ada.email, reason="It was closed.", now=timezone.now()
    )
    engine.drain("ledger")

    text = ledger_path.read_text()
    assert len(written(ledger_path)) == 3
    assert str(other.pk) in text
    for private in (ada.email, "@", merchant_of(ada).name, ACCOUNT, key.last4, "rk_"):
        assert private not in text
    for envelope in envelopes:
        assert envelope.hex() not in text


def test_closing_a_merchant_erases_everything_and_is_remembered_once(ada: User, ledger_path: Path) -> None:
    merchant = merchant_of(ada)
    bind_account(ada, ACCOUNT)
    keys = [a_stored_key(ada), a_stored_key(ada, "pending", livemode=True)]

    counts = [
        erasures.erase_merchant(merchant=merchant, actor="Ada", reason="Closed.", now=timezone.now())
        for _ in range(2)
    ]
    engine.drain("ledger")

    assert counts == [2, 0]
    assert {RestrictedKey.objects.get(pk=key.pk).status for key in keys} == {Status.REMOVED}
    assert not KeyEnvelope.objects.exists()
    assert not MerchantDataKey.objects.exists()
    assert StripeInstall.objects.get().status == StripeInstall.Status.UNINSTALLED
    assert [line["kind"] for line in written(ledger_path)] == ["key_erased", "key_erased", "merchant_closed"]


def test_nothing_is_stored_for_a_closed_merchant(ada: User) -> None:
    erasures.erase_merchant(merchant=merchant_of(ada), actor="Ada", reason="Closed.", now=timezone.now())

    with transaction.atomic(), pytest.raises(NothingStored):
        encrypt(a_key(ada), Secret(a_restricted_key()))


# --- Writing ---------------------------------------------------------------------------------------------------------


def test_an_entry_written_by_a_worker_that_died_is_written_again_and_does_no_harm(ledger_path: Path) -> None:
    entry = an_entry()
    (claimed,) = engine.claim(LEDGER)
    with LedgerFile(ledger_path).opened() as opened:
        opened.append(ledger.record_of(claimed))
    LedgerEntry.objects.filter(pk=entry.pk).update(lease_until=Now() - timedelta(seconds=1))

    engine.drain("ledger")

    assert [line["entry"] for line in written(ledger_path)] == [str(entry.entry_id)] * 2
    assert refusal() == ""


def test_an_entry_is_written_at_last_however_many_workers_died_of_it(ledger_path: Path) -> None:
    entry = an_entry()
    for _ in range(2):
        assert engine.claim(LEDGER)
        LedgerEntry.objects.update(lease_until=Now() - timedelta(seconds=1))
    for _ in range(10):  # by now it is tried while its worker does nothing else
        engine.claim(LEDGER)
        LedgerEntry.objects.filter(lease_until=None).update(due_at=Now())
        assert claims.claim_suspect(LEDGER, claimed_by="gone:7")
        LedgerEntry.objects.update(lease_until=Now() - timedelta(seconds=1))
    engine.claim(LEDGER)
    LedgerEntry.objects.update(due_at=Now())

    assert engine.drain_suspects("ledger") == 1

    assert [line["entry"] for line in written(ledger_path)] == [str(entry.entry_id)]


def test_what_is_written_is_on_the_database_s_disk_as_well(ledger_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
        an_entry()
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        committed = cursor.fetchone()
        engine.drain("ledger")

        cursor.execute("SELECT pg_current_wal_flush_lsn() >= %s", committed)
        assert cursor.fetchone() == (True,)
        cursor.execute("RESET synchronous_commit")


def test_two_workers_at_once_write_each_entry_once(ledger_path: Path) -> None:
    entries = [an_entry() for _ in range(20)]
    both = Barrier(2)

    def work() -> None:
        both.wait()
        engine.drain("ledger")
        connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    engine.drain("ledger")

    assert sorted(line["entry"] for line in written(ledger_path)) == sorted(
        str(one.entry_id) for one in entries
    )


def _full_disk(path: Path) -> str:
    return "/dev/full"


def _missing_folder(path: Path) -> str:
    return str(path.parent / "away" / "ledger.jsonl")


def _no_file(path: Path) -> str:
    return str(path.parent)


@pytest.mark.parametrize("place", [_full_disk, _missing_folder, _no_file])
def test_an_erasure_never_waits_for_the_file_and_its_entry_is_never_lost(
    ada: User, ledger_path: Path, settings: Settings, place: Callable[[Path], str]
) -> None:
    settings.DELETION_LEDGER = place(ledger_path)
    key = a_stored_key(ada)

    remove(key, ada)
    for _ in range(8):
        engine.drain("ledger")
        LedgerEntry.objects.update(due_at=Now())

    assert not KeyEnvelope.objects.exists()
    entry = LedgerEntry.objects.get()
    assert (entry.state, entry.attempts) == (DueRow.State.WAITING, 0)
    notice = Notice.objects.get(lane="ops")
    assert notice.subject == "The deletion ledger is not being written"

    settings.DELETION_LEDGER = str(ledger_path)
    engine.drain("ledger")
    assert [line["key"] for line in written(ledger_path)] == [str(key.pk)]


def test_an_entry_that_cannot_be_written_waits_the_longer_the_older_it_is(settings: Settings) -> None:
    settings.DELETION_LEDGER = "/dev/full"
    young, old = an_entry(), an_entry(created_at=timezone.now() - timedelta(days=1))

    engine.drain("ledger")

    young.refresh_from_db()
    old.refresh_from_db()
    assert timedelta(seconds=5) < young.due_at - timezone.now() < timedelta(seconds=15)
    assert timedelta(minutes=9) < old.due_at - timezone.now() < timedelta(minutes=11)


def test_without_a_ledger_entries_wait_for_one(settings: Settings, ledger_path: Path) -> None:
    settings.DELETION_LEDGER = ""
    entry = an_entry()
    engine.drain("ledger")
    entry.refresh_from_db()
    assert (entry.state, entry.problem) == (DueRow.State.WAITING, "NoLedgerConfigured")

    settings.DELETION_LEDGER = str(ledger_path)
    LedgerEntry.objects.update(due_at=Now())
    engine.drain("ledger")

    assert len(written(ledger_path)) == 1
