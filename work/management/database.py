"""What the commands say while the database is away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

# PostgreSQL's classes "connection exception", "insufficient resources" and "operator intervention".
_AWAY = ("08", "53", "57")


class DatabaseCommand(BaseCommand):
    """A command that may be broken off at any moment, and says so when the database goes away under it."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; a sentence instead of a traceback for a database that is away."""
        try:
            return super().execute(*args, **options)
        except (InterfaceError, OperationalError) as problem:
            state = getattr(problem.__cause__, "sqlstate", None)
            if state is not None and not state.startswith(_AWAY):
                raise
            raise CommandError("The database is away. Nothing is lost; run it again.") from None
