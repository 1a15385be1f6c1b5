"""`manage.py required_permissions PATH…`: which permissions code needs at Stripe, compared with the app's manifest."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stripe_keys import permissions
from stripe_keys.catalogue import WHOSE
from stripe_keys.path_permissions import permissions_for
from stripe_keys.required_permissions import comparing, saying


class Command(BaseCommand):
    """For the partner's engineers and their CI; needs no database and no SDK, and runs nothing that it reads.

    Exit status 0: nothing is missing from the manifest. 1: something is; with `--strict` also if something is unused or
    unresolved. 2: a path or a file cannot be read, which is named; all others were.
    """

    help = "Read Python source for calls of Stripe and compare the permissions they need with the app's manifest."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to read, and how to answer."""
        parser.add_argument(
            "paths", metavar="PATH", nargs="+", type=Path, help="a file or a folder of Python source"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="answer with one JSON object")
        parser.add_argument(
            "--strict",
            action="store_true",
            help="exit status 1 for unused permissions and unresolved calls too",
        )

    def handle(self, *args: Any, paths: list[Path], as_json: bool, strict: bool, **options: Any) -> None:
        """Read, compare, print; the exit status says the rest."""
        try:
            asked_for = [one.permission for one in permissions.required()]
        except permissions.ManifestError as error:
            raise CommandError(str(error), returncode=2) from None
        report = comparing.report_on(
            paths,
            permissions_for=permissions_for,
            asked_for=asked_for,
            used_by_the_site={WHOSE.permission},
        )
        self.stdout.write(
            saying.as_json(report) if as_json else saying.in_words(report, permissions.words_for)
        )
        status = report.exit_status(strict=strict)
        if status:
            sys.exit(status)
