"""`manage.py rotate_merchant_key`: new data keys for merchants, and their keys encrypted anew under them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from stripe_keys import vault
from stripe_keys.management.numbers import whole_number
from stripe_keys.management.progress import progress_over
from stripe_keys.models import KeyEnvelope
from stripe_keys.rotation import merchant_keys
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Rotates merchants' data keys, one transaction each.

    After an interrupted `--all`, `--older-than-days 1` does the rest.
    """

    help = "Give merchants a new data key and encrypt their keys anew under it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which merchants, and whether to look only."""
        parser.add_argument("merchants", nargs="*", type=UUID, metavar="merchant", help="ids of merchants")
        parser.add_argument(
            "--older-than-days",
            type=whole_number(least=0, most=36_500),
            metavar="N",
            help="those whose newest data key is that old",
        )
        parser.add_argument("--all", action="store_true", help="every open merchant with a data key")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate them, and say which keys stayed as they were."""
        merchants = self._chosen(**options)
        if options["dry_run"]:
            self._show_plan(merchants)
            return
        try:
            vault.ensure_canary(vault.primary_kek_id())
        except vault.VaultError as problem:
            raise CommandError(str(problem)) from None
        self._rotate(merchants)

    def _chosen(self, **options: Any) -> list[UUID]:
        days = options["older_than_days"]
        if [bool(options["merchants"]), days is not None, options["all"]].count(True) != 1:
            raise CommandError("Name merchants, or --older-than-days N, or --all.")
        if options["merchants"]:
            return list(dict.fromkeys(options["merchants"]))
        older_than = None if days is None else timedelta(days=days)
        return merchant_keys.merchants_due(older_than=older_than, now=timezone.now())

    def _show_plan(self, merchants: list[UUID]) -> None:
        troubles = {merchant_id: merchant_keys.why_not(merchant_id) for merchant_id in merchants}
        rotatable = [merchant_id for merchant_id, trouble in troubles.items() if trouble is None]
        envelopes = KeyEnvelope.objects.filter(key__merchant__in=rotatable).count()
        self.stdout.write(
            f"Would give {len(rotatable)} merchants a new data key and encrypt {envelopes} keys under them."
            " Nothing was changed."
        )
        if refused := [trouble for trouble in troubles.values() if trouble is not None]:
            raise CommandError("\n".join(refused))

    def _rotate(self, merchants: list[UUID]) -> None:
        troubles: list[str] = []
        rotated = reencrypted = deleted = 0
        with progress_over(len(merchants)) as advance:
            for merchant_id in merchants:
                try:
                    done = merchant_keys.rotate(merchant_id)
                except merchant_keys.NothingToRotate as why:
                    troubles.append(str(why))
                except vault.VaultError as problem:
                    troubles.append(f"Stopped at merchant {merchant_id}: {problem} Run it again.")
                    break
                else:
                    rotated += 1
                    reencrypted += done.reencrypted
                    deleted += done.deleted
                    troubles += [f"Does not open, and stays as it was: key {pk}" for pk in done.unreadable]
                advance(1)
        self.stdout.write(
            f"{rotated} merchants have a new data key; {reencrypted} keys are encrypted under them;"
            f" {deleted} old data keys are deleted."
        )
        if troubles:
            raise CommandError("\n".join(troubles))
