"""`manage.py prune_events`: what a worker does every ten minutes, at once and to the end."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from webhooks import pruning


class Command(BaseCommand):
    """Forget the bodies of old events, and delete events that are older still."""

    help = (
        "Forget the bodies of old events and delete events that are older still; may be stopped at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether only to count."""
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and let it stay")

    def handle(self, **options: Any) -> None:
        """Print how many rows were, or would be, changed."""
        now, dry_run = timezone.now(), options["dry_run"]
        told = pruning.would_prune(now=now) if dry_run else pruning.prune(now=now)
        self.stdout.write(
            f"{'would prune' if dry_run else 'pruned'}: bodies={told.bodies} events={told.events}"
            f" no_longer_parked={told.unparked} replays={told.replays}"
        )
