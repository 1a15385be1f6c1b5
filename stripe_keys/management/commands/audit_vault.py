"""`manage.py audit_vault`: open everything encrypted, and say what does not open or is not needed."""

import sys
from argparse import ArgumentParser
from typing import Any

import click
from django.core.management.base import CommandError

from stripe_keys import audit
from stripe_keys.models import VaultAudit
from work.management.database import DatabaseCommand

_SLICE_SECONDS = 0.5


class Command(DatabaseCommand):
    """Audits the vault now; a worker does the same every night.

    Exit status 0: everything is ok, or what is not ok is only a rotation (`old kek`) begun less than a day ago, which
    the output mentions. Exit status 1: anything else; ops are told by mail too. Each row is opened with the key
    service that holds its key-encryption key; no secret is shown, stored or logged.
    """

    help = "Open everything encrypted and class it; exit status 0 only if all is in order."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to go on with an audit that was cut short."""
        parser.add_argument(
            "--resume", action="store_true", help="go on with the newest audit that was not finished"
        )

    def handle(self, *args: Any, resume: bool, **options: Any) -> None:
        """Walk to the end, showing progress at a terminal, and print what was found."""
        started = self._unfinished() if resume else audit.begin()
        walk = audit.Walk(started)
        steps = len(walk.audit.cursor.get("left", []))
        with click.progressbar(
            length=steps, label="Auditing", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            left = steps
            while not walk.advance(_SLICE_SECONDS):
                now_left = len(walk.audit.cursor.get("left", []))
                bar.update(left - now_left)
                left = now_left
            bar.update(left)
        self._report(walk.audit)

    def _unfinished(self) -> VaultAudit:
        found: VaultAudit | None = (
            VaultAudit.objects.filter(finished_at=None).order_by("-started_at", "-pk").first()
        )
        if found is None:
            raise CommandError("There is no unfinished audit to go on with.")
        return found

    def _report(self, finished: VaultAudit) -> None:
        classes = [each.value for each in audit.Class]
        widths = {name: max(12, len(name) + 2) for name in classes}
        self.stdout.write(f"{'':20}" + "".join(f"{name:>{widths[name]}}" for name in classes))
        for kind, by_class in sorted(finished.counts.items()):
            cells = (f"{by_class.get(name, 0):>{widths[name]}}" for name in classes)
            self.stdout.write(f"{kind:20}" + "".join(cells))
        for found in finished.findings:
            self.stdout.write(f"{found['kind']} {found['id']} {found['class']}")
        if len(finished.findings) == audit.LISTED:
            self.stdout.write(f"Only the first {audit.LISTED} are listed.")
        if not audit.is_in_order(finished):
            self.stdout.write("\n".join(audit.what_to_do(finished)))
            raise CommandError("The vault is not in order.")
        if any(audit.Class.OLD_KEK in by_class for by_class in finished.counts.values()):
            self.stdout.write("A rotation is under way: run `manage.py rewrap_data_keys` to finish it.")
        self.stdout.write("The vault is in order.")
