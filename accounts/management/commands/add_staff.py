"""Lets somebody into the ops desk, without a browser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import second_factors, services
from accounts.command_line import AccountCommand, from_environment


class Command(AccountCommand, BaseCommand):
    """Makes a staff user (address verified); run again it changes nothing that is right already.

    Without a TOTP secret the ops desk asks for a second factor at the first visit. Recovery codes are never printed:
    the user reads them on their second-factor page.
    """

    help = "Let somebody into the ops desk; password and TOTP secret are read from environment variables."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask who, and with which rights."""
        self.add_account_arguments(parser)
        parser.add_argument(
            "--totp-secret-env",
            metavar="NAME",
            help="variable holding the authenticator app's secret (base32)",
        )
        parser.add_argument("--superuser", action="store_true", help="every right, not only the ops group's")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the user staff."""
        secret_name = options["totp_secret_env"]
        secret = from_environment(secret_name) if secret_name else None
        user = self.ensure_user(options)
        services.make_staff(user=user, superuser=options["superuser"])
        if secret is not None:
            try:
                second_factors.set_up_totp(user=user, secret=secret)
            except second_factors.UnusableTotpSecret as problem:
                raise CommandError(str(problem)) from None
        self.stdout.write(f"{user.email} may enter the ops desk.")
