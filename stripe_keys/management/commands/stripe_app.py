"""`manage.py stripe_app check`: the Stripe App's manifest and everything that speaks of it agree."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stripe_keys import app_package
from stripe_keys.app_package import agreement


class Command(BaseCommand):
    """Run from the project's folder, before each upload. Asks neither database nor network.

    `check` exits with 0 where all agree, and with 1 after a sentence for each disagreement. `docs` writes the table of
    permissions in docs/going-live.md anew.
    """

    help = "check: manifest, probes, connect page, links and docs agree; docs: write the table of permissions anew."
    requires_system_checks = ()  # a manifest that start-up refuses is just what is to be explained here

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("what", choices=["check", "docs"])

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        """Do it, and say what came of it."""
        if what == "docs":
            self._write_docs()
        else:
            self._check()

    def _check(self) -> None:
        found = agreement.disagreements()
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("The manifest, the probes, the connect page, its link and the docs agree.")

    def _write_docs(self) -> None:
        guide = Path(settings.BASE_DIR) / agreement.GUIDE
        try:
            manifest = app_package.read(Path(settings.STRIPE_APP_MANIFEST))
            written = agreement.with_table(guide.read_text(encoding="utf-8"), manifest)
        except app_package.UnreadablePackage as problem:
            raise CommandError(str(problem)) from None
        except OSError as problem:
            raise CommandError(f"{agreement.GUIDE} cannot be read: {problem.strerror}.") from None
        if written is None:
            raise CommandError(f"{agreement.GUIDE} has lost the marks of its table of permissions.")
        guide.write_text(written, encoding="utf-8")
        self.stdout.write(f"{agreement.GUIDE} lists the manifest's permissions.")
