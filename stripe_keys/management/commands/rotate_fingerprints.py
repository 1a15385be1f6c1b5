"""`manage.py rotate_fingerprints`: after a new fingerprint key was put first, marks every kept key with it.

The order that loses no duplicate: put the new key second in FINGERPRINT_KEYS and deploy; put it first and deploy; run
this; leave the old one behind it.
"""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from stripe_keys import vault
from stripe_keys.management.progress import progress_over
from stripe_keys.models import RestrictedKey, RestrictedKeyQuerySet
from stripe_keys.rotation import fingerprint_keys
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Gives kept keys a fingerprint under the primary fingerprint key; may be broken off and run again."""

    help = "Mark every kept key with the primary fingerprint key. Each is opened for it, which is recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to look only, and whether to mark those too that seem to be marked."""
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help="mark every kept key, also those under the primary: a wrong key of its name may have marked them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Mark them, and say which old fingerprint keys are still needed."""
        try:
            if options["dry_run"]:
                self._show_plan(self._chosen(everything=options["all"]))
            else:
                self._mark(self._chosen(everything=options["all"]))
        except vault.VaultError as problem:
            raise CommandError(str(problem)) from None

    def _chosen(self, *, everything: bool) -> RestrictedKeyQuerySet:
        return RestrictedKey.objects.kept().originals() if everything else fingerprint_keys.kept_on_old_keys()

    def _show_plan(self, chosen: RestrictedKeyQuerySet) -> None:
        primary = vault.primary_fingerprint_key_id()
        for key_id, count in fingerprint_keys.counts(chosen).items():
            self.stdout.write(f"Would mark {count} kept keys of {key_id} with {primary}.")
        self._tell_ended()
        self.stdout.write("Nothing was changed.")

    def _mark(self, chosen: RestrictedKeyQuerySet) -> None:
        with progress_over(chosen.count()) as advance:
            outcome = fingerprint_keys.mark_anew(on_progress=advance, keys=chosen)
        self.stdout.write(f"{outcome.marked} kept keys marked with {vault.primary_fingerprint_key_id()}.")
        if outcome.stopped:
            raise CommandError(f"Stopped: {outcome.stopped} Run it again.")
        self._tell_ended()
        troubles = [f"Does not open, and stays as it was: key {pk}" for pk in outcome.unreadable]
        troubles += [
            f"Holds the same text as another kept key, and stays as it was: key {pk}"
            for pk in outcome.doubles
        ]
        if left := fingerprint_keys.kept_on_old_keys().count():
            troubles.append(f"{left} kept keys still have an old fingerprint.")
        if troubles:
            raise CommandError("\n".join(troubles))

    def _tell_ended(self) -> None:
        for key_id, count in fingerprint_keys.ended_on_old_keys().items():
            self.stdout.write(
                f"{count} ended keys stay on {key_id}: their text is gone. Keep {key_id} in FINGERPRINT_KEYS for as"
                " long as leaks of them should be recognised."
            )
