"""`manage.py end_orphaned_keys`: finds the keys that the app made and nobody here knows, and has them ended."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from stripe_keys.managed import orphans
from stripe_keys.managed.orphans import Place
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Looks at all accounts at once, as the daily sweep does in turns; may be broken off, and run again."""

    help = (
        "Look at each account for which the app makes keys, or made some, for living keys that it made and that are"
        " known to nobody here; they are ended at Stripe by the workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to look only."""
        parser.add_argument(
            "--dry-run", action="store_true", help="ask Stripe, say what would be ended, and end nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk all accounts, name what is found by its id, and count."""
        is_dry = options["dry_run"]
        found = orphans.walk(timezone.now(), every=timedelta(), is_dry=is_dry, at_once=None, say=self._say)
        counts = [f"{count} {outcome}" for outcome, count in sorted(found.outcomes.items())]
        self.stdout.write(f"Accounts: {', '.join(counts) or 'none'}.")
        what = "would be ended" if is_dry else "are being ended: see Retirements in the ops desk"
        self.stdout.write(f"Orphaned keys: {len(found.orphans)}{f'; they {what}' if found.orphans else ''}.")
        if is_dry:
            self.stdout.write("Nothing was changed.")

    def _say(self, place: Place, stripe_key_id: str) -> None:
        mode = "live" if place.livemode else "test"
        self.stdout.write(f"{stripe_key_id} of {place.stripe_account_id} ({mode} mode)")
