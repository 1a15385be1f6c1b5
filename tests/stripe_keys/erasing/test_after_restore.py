"""The command after a restore: what it says, what it refuses, and that it may be killed and run again."""

from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import ledger
from stripe_keys.erasing import erasures, restores
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.models import (
    DatabaseRestore,
    KeyEnvelope,
    LedgerEntry,
    RestrictedKey,
    StatusChange,
    Validation,
)
from tests.people import merchant_of
from tests.stripe_keys.erasing.restoring import a_closing, a_line, after_restore, numbers_in
from tests.stripe_keys.ledger.ledgers import a_settled_entry, a_stored_key, forget, refusal, written
from work import engine
from work.models import DueRow

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_doing_it_twice_does_no_harm(ada: User, eve: User, ledger_path: Path) -> None:
    a_line(ledger_path, a_stored_key(ada), "removed")
    a_stored_key(eve)
    after_restore()
    lines = written(ledger_path)

    said = after_restore()

    assert numbers_in(said) == [1, 0, 0, 0, 1, 0]
    assert StatusChange.objects.filter(actor=restores.ACTOR).count() == 1
    assert Validation.objects.filter(state=DueRow.State.WAITING).count() == 1
    engine.drain("ledger")
    assert written(ledger_path) == lines


class PowerCut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("survived", [0, 1, 2, 3])
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
