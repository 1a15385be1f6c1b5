"""`manage.py after_restore`: what must follow each restore of the database, before the site serves again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from stripe_keys import ledger
from stripe_keys.erasing import restores
from work.management.database import DatabaseCommand

_SAID = {
    "entries_replayed": "entries of the ledger",
    "keys_erased": "keys erased that had been erased before",
    "envelopes_erased": "left-over envelopes erased",
    "merchants_closed": "merchants closed that had been closed before",
    "keys_to_check": "keys to be checked before anybody may use them",
    "sessions_ended": "sessions ended",
}
_PASSED_OVER = {
    "entries_unknown": "entries of a kind this version does not know",
    "lines_passed_over": "lines that are no entries",
}
_NEXT = """Next:
  1. Start the site and its workers. Every key is checked now; until its check it is not handed out.
  2. `manage.py audit_vault` opens everything encrypted once and says what does not open.
  3. Passwords, second factors and staff rights are those of the dump: repeat what was changed since.
  4. Keys pasted since the dump are not in this database: their merchants paste them again."""


class Command(DatabaseCommand):
    """Erases again what the deletion ledger remembers, signs everybody out, and has every key checked."""

    help = "Run after each restore of the database, while web and workers are stopped."
    requires_system_checks = ()  # it is the remedy for what they refuse

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to look only, and whether the ledger is known to be lost."""
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument(
            "--ledger-was-lost",
            action="store_true",
            help="the ledger lacks entries that cannot be brought back; go on with what there is",
        )
        parser.add_argument(
            "--pass-over-bad-lines",
            action="store_true",
            help="lines of the ledger are no entries and cannot be mended; go on with the others",
        )

    def handle(
        self, *args: Any, dry_run: bool, ledger_was_lost: bool, pass_over_bad_lines: bool, **options: Any
    ) -> None:
        """Replay the ledger and say what came of it."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The restored database lacks migrations: run `manage.py migrate` first.")
        file = ledger.ledger_file()
        if file is None:
            raise CommandError("DELETION_LEDGER is empty: there is nothing to replay from.")
        if not file.path.exists() and not ledger_was_lost:
            raise CommandError(
                f"There is no deletion ledger at {file.path}: bring it back, or go on with --ledger-was-lost."
            )
        allowed = {"ledger_was_lost": ledger_was_lost, "pass_over_bad_lines": pass_over_bad_lines}
        try:
            if dry_run:
                counts = restores.preview(file, **allowed)
            else:
                counts = restores.replay(file, **allowed, say=self.stdout.write)
        except restores.IllFormedLines as problem:
            raise CommandError(f"{problem} Mend them, or go on with --pass-over-bad-lines.") from None
        except ledger.ContradictsDatabase as problem:
            raise CommandError(f"{problem} If it is lost for good, go on with --ledger-was-lost.") from None
        except OSError as problem:
            raise CommandError(f"The deletion ledger cannot be used: {problem.strerror}.") from None
        self._say(counts, dry_run=dry_run)

    def _say(self, counts: restores.Counts, *, dry_run: bool) -> None:
        self.stdout.write("It would be:" if dry_run else "Done:")
        for name, words in _SAID.items():
            self.stdout.write(f"  {getattr(counts, name):>8} {words}")
        for name, words in _PASSED_OVER.items():
            if count := getattr(counts, name):
                self.stdout.write(f"{count} {words} were passed over.")
        if not dry_run:
            self.stdout.write(_NEXT)
