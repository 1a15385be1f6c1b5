"""Commands that are given impossible numbers, or whose database goes away, end with a sentence."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from psycopg import errors
from pytest_django import Settings

from accounts.models import Merchant, User
from stripe_keys.models import VaultAudit
from tests import production
from tests.stripe_keys.audit.damage import a_kept_key

AWAY = "The database is away. Nothing is lost; run it again."
COMMANDS = [
    ["rewrap_data_keys"],
    ["rewrap_data_keys", "--dry-run"],
    ["rotate_merchant_key", "--all"],
    ["rotate_fingerprints"],
    ["audit_vault"],
    ["declare_kek_lost", "k1"],
    ["rebuild_ledger"],
    ["after_restore", "--dry-run"],
    ["reset_second_factor", "--email", "ada@example.com"],
]


def ended(*arguments: str) -> str:
    """Run the command, which fails; the sentence that it ends with."""
    with pytest.raises(CommandError) as refusal:
        call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    return str(refusal.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["rewrap_data_keys", "--batch-size", "9" * 23],
        ["rewrap_data_keys", "--batch-size", "100001"],
        ["rewrap_data_keys", "--batch-size", "0"],
        ["rewrap_data_keys", "--batch-size", "-1"],
        ["rewrap_data_keys", "--batch-size", "many"],
        ["rewrap_data_keys", "--batch-size", "9" * 5000],
        ["rotate_merchant_key", "--older-than-days", "800000"],
        ["rotate_merchant_key", "--older-than-days", "99999999999"],
        ["rotate_merchant_key", "--older-than-days", "-1"],
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_an_impossible_number_is_refused_with_its_bounds(db: None, arguments: list[str]) -> None:
    assert "a whole number from" in ended(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["rewrap_data_keys", "--batch-size", "100000"],
        ["rotate_merchant_key", "--older-than-days", "36500"],
        ["rotate_merchant_key", "--older-than-days", "0"],
    ],
    ids=" ".join,
)
def test_a_number_within_its_bounds_is_taken(ada: User, arguments: list[str]) -> None:
    a_kept_key(ada)

    call_command(*arguments, stdout=StringIO())


def test_a_dry_run_knows_who_is_not_there(ada: User, adas_merchant: Merchant) -> None:
    a_kept_key(ada)
    said, nobody = StringIO(), uuid4()

    with pytest.raises(CommandError, match=f"There is no merchant {nobody}"):
        call_command("rotate_merchant_key", "--dry-run", str(nobody), str(adas_merchant.pk), stdout=said)

    assert "Would give 1 merchants a new data key and encrypt 1 keys" in said.getvalue()


def test_an_audit_that_does_not_say_how_far_it_came_begins_at_the_beginning(ada: User) -> None:
    a_kept_key(ada)
    row = VaultAudit.objects.create(cursor={})

    call_command("audit_vault", "--resume", stdout=StringIO())

    row.refresh_from_db()
    assert row.finished_at is not None
    assert row.counts["restricted_key"] == {"ok": 1}


# --- The database goes away ------------------------------------------------------------------------------------------


class Leaving:
    """A database that answers so many statements, then none."""

    def __init__(self, answers: int, problem: Exception) -> None:
        self.answers, self._problem = answers, problem

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """One answer less."""
        if self.answers <= 0:
            raise self._problem
        self.answers -= 1
        return execute(*statement)


@pytest.fixture
def ledger(settings: Settings, tmp_path: Path) -> None:
    """An empty deletion ledger."""
    file = tmp_path / "ledger.jsonl"
    file.touch()
    settings.DELETION_LEDGER = str(file)


# One statement is all that rebuild_ledger needs where nothing was ever erased.
BEFORE = [(command, 0) for command in COMMANDS]
MEANWHILE = [(command, 1) for command in COMMANDS if command != ["rebuild_ledger"]]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("problem", [OperationalError, InterfaceError])
@pytest.mark.parametrize(("arguments", "answers"), [*BEFORE, *MEANWHILE], ids=str)
def test_a_database_that_goes_away_ends_in_a_sentence(
    ada: User, arguments: list[str], answers: int, problem: type[Exception]
) -> None:
    a_kept_key(ada)

    with connection.execute_wrapper(Leaving(answers, problem("the connection is closed"))):
        said = ended(*arguments)

    assert said == AWAY


def test_another_fault_of_the_database_is_not_called_away(db: None) -> None:
    deadlock = OperationalError("deadlock detected")
    deadlock.__cause__ = errors.DeadlockDetected("deadlock detected")

    with connection.execute_wrapper(Leaving(0, deadlock)), pytest.raises(OperationalError, match="deadlock"):
        call_command("rewrap_data_keys", stdout=StringIO())


@pytest.mark.processes
def test_without_any_database_a_command_says_so(db: None) -> None:
    env = production.environment(DATABASE_URL="postgres://nobody@127.0.0.1:9/none")

    ran = production.run("manage.py", "rewrap_data_keys", env=env)

    assert ran.returncode == 1
    assert AWAY in ran.stderr
    assert "Traceback" not in ran.stderr
