"""A database that forgot what its ledger remembers is found out, and so is a ledger that was lost."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import checks, ledger
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.models import LedgerEntry
from stripe_keys.tasks import LEDGER
from tests.stripe_keys.ledger.ledgers import (
    a_settled_entry,
    an_entry,
    forget,
    refusal,
)
from work import engine
from work.models import DueRow, WorkerHeartbeat

pytestmark = pytest.mark.django_db(transaction=True)


# --- Being found out -------------------------------------------------------------------------------------------------


def test_a_first_start_is_not_refused(ledger_path: Path) -> None:
    an_entry()

    assert refusal() == ""


def test_a_database_and_its_ledger_agree(ledger_path: Path) -> None:
    for _ in range(3):
        a_settled_entry()

    assert refusal() == ""


def test_a_line_that_is_written_but_not_settled_yet_is_no_contradiction(ledger_path: Path) -> None:
    a_settled_entry()
    an_entry()
    (claimed,) = engine.claim(LEDGER)
    with LedgerFile(ledger_path).opened() as opened:
        opened.append(ledger.record_of(claimed))

    assert refusal() == ""


@pytest.mark.parametrize("torn", ["", '{"v":1,"entry":"'])
def test_a_restored_database_is_found_out(ledger_path: Path, torn: str) -> None:
    a_settled_entry()
    forget(a_settled_entry())
    with ledger_path.open("a") as file:
        file.write(torn)

    assert refusal() == ledger.RESTORED


@pytest.mark.parametrize(
    "junk", [b"\0" * 70_000 + b"\n", b"x" * 100_000, b"[]\n" * 25_000], ids=["zeros", "letters", "lists"]
)
def test_no_junk_at_the_end_hides_a_restored_database(ledger_path: Path, junk: bytes) -> None:
    a_settled_entry()
    forget(a_settled_entry())
    with ledger_path.open("ab") as file:
        file.write(junk)

    assert refusal() == ledger.RESTORED
    with pytest.raises(CommandError, match="after_restore"):
        call_command("rebuild_ledger")


def test_junk_at_the_end_is_no_contradiction(ledger_path: Path) -> None:
    a_settled_entry()
    with ledger_path.open("ab") as file:
        file.write(b"\0" * 300_000)

    assert refusal() == ""


def test_an_empty_database_beside_a_ledger_is_found_out(ledger_path: Path) -> None:
    forget(a_settled_entry())

    assert refusal() == ledger.RESTORED


@pytest.mark.parametrize("left", [None, "", "{torn"])
def test_a_lost_ledger_is_found_out(ledger_path: Path, left: str | None) -> None:
    a_settled_entry()
    ledger_path.unlink()
    if left is not None:
        ledger_path.write_text(left)

    assert refusal() == ledger.INCOMPLETE


def test_a_ledger_that_is_older_than_the_database_is_found_out(ledger_path: Path) -> None:
    a_settled_entry()
    older = ledger_path.read_bytes()
    a_settled_entry()
    ledger_path.write_bytes(older)

    assert refusal() == ledger.INCOMPLETE


def test_a_ledger_that_cannot_be_read_is_a_refusal(ledger_path: Path) -> None:
    ledger_path.mkdir()

    assert refusal() == f"The deletion ledger cannot be read (Is a directory): {ledger_path}"


def test_a_clock_that_was_put_back_is_no_contradiction(
    ledger_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_keys.ledger.file.TAIL_BYTES", 300)
    first = a_settled_entry()
    for _ in range(5):
        a_settled_entry()
    LedgerEntry.objects.filter(pk=first.pk).update(finished_at=timezone.now() + timedelta(days=1))

    assert refusal() == ""


@pytest.mark.parametrize("restored", [True, False])
def test_no_new_line_hides_a_contradiction(ledger_path: Path, restored: bool) -> None:
    first = a_settled_entry()
    if restored:
        forget(first)
    else:
        ledger_path.unlink()
    text = refusal()

    entry = a_settled_entry()

    assert refusal() == text != ""
    assert (entry.state, entry.problem) == (DueRow.State.WAITING, "LedgerContradictsDatabase")
    assert text in Notice.objects.get(lane="ops").body


def test_a_site_whose_database_was_restored_under_it_is_not_ready(client: Client, ledger_path: Path) -> None:
    WorkerHeartbeat.objects.create(name="a", host="a", pid=1, beat_at=timezone.now())
    entry = a_settled_entry()
    assert client.get("/readyz").status_code == 200

    forget(entry)

    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["agrees_with_ledger"]) == (503, False)


# --- Checks before a deployment --------------------------------------------------------------------------------------


def test_production_without_a_ledger_is_refused(settings: Settings) -> None:
    settings.DELETION_LEDGER, settings.SITE_ENVIRONMENT = "", "production"
    assert [one.id for one in checks.check_ledger_is_named()] == ["stripe_keys.E003"]

    settings.SITE_ENVIRONMENT = "development"
    assert checks.check_ledger_is_named() == []


def test_a_ledger_that_depends_on_where_one_stands_is_refused(settings: Settings) -> None:
    settings.DELETION_LEDGER = "ledger.jsonl"

    assert [one.id for one in checks.check_ledger_is_named()] == ["stripe_keys.E004"]


def test_a_deployment_to_a_restored_database_is_refused(ledger_path: Path) -> None:
    entry = a_settled_entry()
    assert checks.check_ledger_agrees() == []

    forget(entry)

    assert [one.msg for one in checks.check_ledger_agrees()] == [ledger.RESTORED]


def test_a_deployment_without_the_ledger_s_folder_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.DELETION_LEDGER = str(tmp_path / "away" / "ledger.jsonl")

    assert [one.id for one in checks.check_ledger_agrees()] == ["stripe_keys.E005"]


# --- A lost file -----------------------------------------------------------------------------------------------------


def test_a_lost_ledger_is_written_anew_from_the_database(ledger_path: Path) -> None:
    for _ in range(3):
        a_settled_entry()
    lines = ledger_path.read_text().splitlines()
    ledger_path.write_text(lines[0] + "\n")

    said = io.StringIO()
    call_command("rebuild_ledger", stdout=said)

    assert said.getvalue() == f"2 entries were added to {ledger_path}.\n"
    assert ledger_path.read_text().splitlines() == lines
    assert refusal() == ""


def test_a_restored_database_does_not_pass_as_whole_by_writing_the_ledger_anew(ledger_path: Path) -> None:
    a_settled_entry()
    forget(a_settled_entry())

    with pytest.raises(CommandError, match="after_restore"):
        call_command("rebuild_ledger")

    assert refusal() == ledger.RESTORED


def test_there_is_no_rebuilding_without_a_place_for_it(settings: Settings) -> None:
    settings.DELETION_LEDGER = ""
    with pytest.raises(CommandError, match="DELETION_LEDGER is empty"):
        call_command("rebuild_ledger")

    settings.DELETION_LEDGER = "/nowhere/ledger.jsonl"
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("rebuild_ledger")
