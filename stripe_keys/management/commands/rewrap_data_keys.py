"""`manage.py rewrap_data_keys`: after a new key-encryption key was put first, moves every data key to it."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from stripe_keys import vault
from stripe_keys.management.numbers import whole_number
from stripe_keys.management.progress import progress_over
from stripe_keys.rotation import rewrapping
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Wraps every data key with the primary key-encryption key; may be broken off, and run again or twice at once."""

    help = "Move every data key to the primary key-encryption key. No key is decrypted and nobody waits."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to look only, and how many rows go at once."""
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )
        parser.add_argument(
            "--batch-size",
            type=whole_number(least=1, most=100_000),
            default=500,
            metavar="N",
            help="rows per statement (500)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Move them, and say what is left on which key."""
        try:
            if options["dry_run"]:
                self._show_plan()
            else:
                self._rewrap(options["batch_size"])
        except vault.VaultError as problem:
            raise CommandError(str(problem)) from None

    def _show_plan(self) -> None:
        primary = vault.primary_kek_id()
        found = rewrapping.holdings()
        width = max([len("kek"), *(len(holding.kek_id) for holding in found)])
        self.stdout.write(f"{'kek':{width}}  {'data keys of':12}  {'rows':>9}  what would be done")
        for holding in found:
            plan = "stays" if holding.kek_id == primary else f"rewrap under {primary}"
            self.stdout.write(f"{holding.kek_id:{width}}  {holding.table:12}  {holding.rows:>9}  {plan}")
        for problem in vault.canary_problems():
            self.stdout.write(f"Not possible now: {problem}")
        self.stdout.write("Nothing was changed.")

    def _rewrap(self, batch_size: int) -> None:
        old = {*vault.kek_ids(), *(holding.kek_id for holding in rewrapping.holdings())}
        with progress_over(rewrapping.rows_not_on(vault.primary_kek_id())) as advance:
            outcome = rewrapping.rewrap(batch_size=batch_size, on_progress=advance)
        if outcome.stopped:
            raise CommandError(f"Data keys moved: {outcome.moved}. Then: {outcome.stopped} Run it again.")
        for line in rewrapping.closing_words(old, outcome):
            self.stdout.write(line)
        if left := rewrapping.rows_not_on(vault.primary_kek_id()):
            raise CommandError(f"Data keys that are not on {vault.primary_kek_id()}: {left}.")
