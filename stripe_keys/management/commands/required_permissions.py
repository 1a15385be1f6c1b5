"""`manage.py required_permissions PATH…`: as `python -m stripe_keys.required_permissions`, which needs no settings."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stripe_keys import purposes
from stripe_keys.manifest import ManifestError
from stripe_keys.required_permissions import command


class Command(BaseCommand):
    """For whoever has the site's settings at hand anyway; the exit statuses are those of `command.answer`."""

    help = command.HELP
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to read, and how to answer."""
        command.add_arguments(parser, manifest=Path(settings.STRIPE_APP_MANIFEST))
        parser.add_argument(
            "--purpose", help="compare with what keys of this purpose are asked for (KEY_PURPOSES)"
        )

    def handle(
        self,
        *args: Any,
        paths: list[Path],
        as_json: bool,
        strict: bool,
        manifest: Path,
        purpose: str | None = None,
        **options: Any,
    ) -> None:
        """Read, compare, print; the exit status says the rest."""
        if purpose is not None and not purposes.is_defined(purpose):
            raise CommandError(f"{purpose!r} is not one of KEY_PURPOSES.", returncode=2)
        if purpose is not None and purpose != purposes.DEFAULT_PURPOSE:
            manifest = purposes.file_of(purpose)
        try:
            status, said = command.answer(paths=paths, as_json=as_json, strict=strict, manifest=manifest)
        except ManifestError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(said)
        if status:
            sys.exit(status)
