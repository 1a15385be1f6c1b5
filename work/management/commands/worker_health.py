"""Whether a worker on this machine is alive, as an exit code for whoever supervises it."""

import socket
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.db.models.functions import Now

from work.models import WorkerHeartbeat

FRESH = timedelta(seconds=15)


class Command(BaseCommand):
    """Exits with 0 while a worker process of this machine has beaten within 15 seconds, else with 1 and a sentence."""

    help = "Exit 0 while a worker process of this machine is alive, else 1."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look for a fresh heartbeat, by the database's clock."""
        host = socket.gethostname()
        try:
            alive = WorkerHeartbeat.objects.filter(host=host, beat_at__gt=Now() - FRESH).count()
        except Error as problem:
            raise CommandError(f"The database did not answer ({type(problem).__name__}).") from None
        if not alive:
            raise CommandError(f"No worker on {host} has beaten within {FRESH.seconds} seconds.")
        self.stdout.write(f"{alive} worker process{'es' if alive > 1 else ''} alive on {host}.")
