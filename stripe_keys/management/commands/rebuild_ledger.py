"""`manage.py rebuild_ledger`: when the deletion ledger's file was lost, and the database was not."""

from typing import Any

from django.core.management.base import CommandError

from stripe_keys import ledger
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Writes into the deletion ledger what the database knows to be erased and the file lacks."""

    help = "Add to the deletion ledger what the database knows and the file lacks."
    requires_system_checks = ()  # it is the remedy for what they refuse

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse where the database is the one that lacks something; otherwise write."""
        file = ledger.ledger_file()
        if file is None:
            raise CommandError("DELETION_LEDGER is empty: name the file first.")
        try:
            count = ledger.rebuild(file)
        except ledger.ContradictsDatabase as problem:
            raise CommandError(str(problem)) from None
        except OSError as problem:
            raise CommandError(f"The deletion ledger cannot be written: {problem.strerror}.") from None
        self.stdout.write(f"{count} entries were added to {file.path}.")
