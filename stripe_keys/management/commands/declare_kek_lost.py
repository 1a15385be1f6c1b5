"""`manage.py declare_kek_lost <kek id>`: the last step when a key-encryption key is gone for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from stripe_keys import quarantine, vault
from stripe_keys.models import MerchantDataKey, SiteDataKey
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Quarantines every key under a lost key-encryption key, and deletes what nobody can ever open."""

    help = "Quarantine every key under a key-encryption key that is lost for good; merchants are asked to paste again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The lost key's id, and whether to look only."""
        parser.add_argument("kek_id", help="its id, as audit_vault and the start-up message name it")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument(
            "--erase",
            metavar="KEK_ID",
            default="",
            help="the id once more: what it wrapped is deleted for good",
        )

    def handle(self, *args: Any, kek_id: str, dry_run: bool, erase: str, **options: Any) -> None:
        """Refuse while the key is there or unknown; otherwise quarantine, resumable, and say what is left to do."""
        if kek_id not in {*MerchantDataKey.objects.kek_ids(), *SiteDataKey.objects.kek_ids()}:
            raise CommandError(f"Nothing in this database is wrapped by {kek_id!r}.")
        self._refuse_unless_missing(kek_id)
        count = quarantine.keys_under(kek_id).count()
        staff = SiteDataKey.objects.filter(kek_id=kek_id).exists()
        if dry_run:
            self.stdout.write(
                f"{count} keys would be quarantined and their merchants asked to paste them again."
            )
            return
        if erase != kek_id:
            raise CommandError(
                f"{count} keys would be erased. If the key is lost for good, add --erase {kek_id}."
            )
        count = quarantine.give_up_on_keys_under(kek_id, now=timezone.now())
        self.stdout.write(f"{count} keys quarantined; their merchants are asked to paste them again.")
        self.stdout.write(f"0 rows on kek {kek_id}: what it wrapped is deleted.")
        if staff:
            self.stdout.write(
                "Second factors of staff were under it too: `manage.py reset_second_factor --email …`."
            )

    @staticmethod
    def _refuse_unless_missing(kek_id: str) -> None:
        try:
            is_missing = vault.kek_is_missing(kek_id)
        except (vault.WrongKeyEncryptionKey, vault.BadKeyMaterial):
            raise CommandError(
                f"Another key called {kek_id!r} is configured here, or a malformed one. Restore the right one; if"
                " that is lost, take this one out of the settings first."
            ) from None
        except vault.KeyServiceAway:
            raise CommandError(
                "Its key service does not answer; nobody can say that the key is lost."
            ) from None
        if not is_missing:
            raise CommandError(f"{kek_id!r} is configured and opens what it wrapped: it is not lost.")
