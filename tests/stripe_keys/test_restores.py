"""After a restore what was erased is erased again, nobody is signed in, and every key is checked before it is used."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from accounts.notices import tell
from stripe_keys import erasures, ledger, restores
from stripe_keys.clients import KeyNotCheckedSinceRestore, stripe_client
from stripe_keys.ledger_file import LedgerFile
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
from tests.stripe_keys.ledgers import a_settled_entry, a_stored_key, an_entry, forget, refusal, written
from work import engine
from work.models import DueRow

pytestmark = pytest.mark.django_db(transaction=True)
Status = RestrictedKey.Status


def a_line(path: Path, key: RestrictedKey, status: str, reason: str = "It ended.") -> LedgerEntry:
    """What the ledger remembers of an erasure that this database has forgotten."""
    entry = LedgerEntry(
        lane=LedgerEntry.LANE,
        kind=LedgerEntry.Kind.KEY_ERASED,
        merchant_id=key.merchant_id,
        key_id=key.pk,
        status=status,
        reason=reason,
        erased_at=timezone.now(),
    )
    with LedgerFile(path).opened() as opened:
        opened.append(ledger.record_of(entry))
    return entry


def a_closing(path: Path, user: User) -> None:
    """What the ledger remembers of a merchant who closed, which this database has forgotten."""
    entry = LedgerEntry(
        kind=LedgerEntry.Kind.MERCHANT_CLOSED, merchant_id=merchant_of(user).pk, erased_at=timezone.now()
    )
    with LedgerFile(path).opened() as opened:
        opened.append(ledger.record_of(entry))


def after_restore(*options: str) -> str:
    said = io.StringIO()
    call_command("after_restore", *options, stdout=said)
    return said.getvalue()


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


def test_looking_changes_nothing(
    ada: User, eve: User, ben: User, adas_browser: Client, ledger_path: Path
) -> None:
    key = a_stored_key(ada)
    a_stored_key(ada, livemode=True)
    a_stored_key(eve)
    a_line(ledger_path, key, "removed")
    a_closing(ledger_path, eve)

    said = after_restore("--dry-run")

    assert numbers_in(said) == [2, 2, 0, 1, 1, 1]
    key.refresh_from_db()
    assert key.is_kept
    assert not DatabaseRestore.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert Session.objects.count() == 1
    assert refusal() == ledger.RESTORED


def test_it_says_what_it_did_and_what_comes_next(
    ada: User, eve: User, adas_browser: Client, ledger_path: Path
) -> None:
    a_line(ledger_path, a_stored_key(ada), "removed")
    a_stored_key(eve)

    said = after_restore()

    assert numbers_in(said) == [1, 1, 0, 0, 1, 1]
    assert "Start the site and its workers." in said


def numbers_in(said: str) -> list[int]:
    """The counts of the command's list, in its order."""
    return [
        int(line.split()[0])
        for line in said.splitlines()
        if line.startswith("   ") and line.split()[0].isdigit()
    ]


def test_doing_it_twice_does_no_harm(ada: User, eve: User, ledger_path: Path) -> None:
    a_line(ledger_path, a_stored_key(ada), "removed")
    a_stored_key(eve)
    after_restore()
    lines = written(ledger_path)

    said = after_restore()

    assert numbers_in(said) == [1, 0, 0, 0, 1, 0]
    assert StatusChange.objects.filter(actor=restores.ACTOR).count() == 1
    assert Validation.objects.count() == 1
    engine.drain("ledger")
    assert written(ledger_path) == lines


class PowerCut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_killed_in_the_middle_it_can_be_run_again_and_the_site_stays_shut_until_then(
    ada: User, eve: User, ledger_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    monkeypatch.setattr(restores, "_AT_ONCE", 1)
    keys = [a_stored_key(ada, livemode=livemode) for livemode in (False, True)]
    for key in keys:
        a_line(ledger_path, key, "removed")
    a_closing(ledger_path, eve)
    a_stored_key(eve)
    steps = iter(range(survived))

    def say(sentence: str) -> None:
        if next(steps, None) is None:
            raise PowerCut

    with pytest.raises(PowerCut):
        restores.replay(LedgerFile(ledger_path), say=say)
    assert refusal() == ledger.RESTORED
    assert ledger.last_restore() is not None

    after_restore()

    assert refusal() == ""
    assert not KeyEnvelope.objects.exists()


def test_many_lines_are_replayed_in_turn(
    ada: User, ledger_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restores, "_AT_ONCE", 2)
    for number in range(7):
        a_line(ledger_path, a_stored_key(ada, purpose=f"purpose {number}"), "removed")

    said = after_restore()

    assert numbers_in(said)[:2] == [7, 7]
    assert not RestrictedKey.objects.kept().exists()


# --- What it refuses -------------------------------------------------------------------------------------------------


def test_without_a_ledger_it_is_refused(settings: Settings, ledger_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no deletion ledger at"):
        after_restore()

    settings.DELETION_LEDGER = ""
    with pytest.raises(CommandError, match="DELETION_LEDGER is empty"):
        after_restore()


def test_another_database_s_ledger_is_refused_until_ours_is_known_to_be_lost(
    ada: User, ledger_path: Path
) -> None:
    ours = a_settled_entry()
    ledger_path.unlink()
    key = a_stored_key(ada)
    theirs = a_line(ledger_path, key, "removed")

    with pytest.raises(CommandError, match="--ledger-was-lost"):
        after_restore()
    assert not DatabaseRestore.objects.exists()

    after_restore("--ledger-was-lost")
    assert refusal() == ""
    assert [line["entry"] for line in written(ledger_path)] == [str(theirs.entry_id), str(ours.entry_id)]


def test_a_ledger_that_cannot_be_read_is_said_in_a_sentence(ledger_path: Path) -> None:
    ledger_path.mkdir()

    with pytest.raises(CommandError, match="The deletion ledger cannot be used: Is a directory"):
        after_restore()


def test_it_runs_where_the_checks_refuse(ledger_path: Path) -> None:
    forget(a_settled_entry())

    assert "Done:" in after_restore()


def test_a_merchant_closed_before_the_dump_stays_closed(ada: User, ledger_path: Path) -> None:
    erasures.erase_merchant(merchant=merchant_of(ada), actor="Ada", reason="Closed.", now=timezone.now())
    engine.drain("ledger")
    closed_at = merchant_of(User.objects.get(pk=ada.pk)).closed_at

    said = after_restore()

    assert numbers_in(said) == [1, 0, 0, 0, 0, 0]
    assert merchant_of(User.objects.get(pk=ada.pk)).closed_at == closed_at
