"""Opens a merchant with its first user, without a browser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.command_line import AccountCommand


class Command(AccountCommand, BaseCommand):
    """Makes the user (address verified) and their merchant; run again it changes nothing that is right already."""

    help = "Open a merchant with its first user; the password is read from an environment variable."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask who, and for which merchant."""
        self.add_account_arguments(parser)
        parser.add_argument("--merchant-name", required=True, help="the company's name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the merchant."""
        user = self.ensure_user(options)
        try:
            merchant = services.open_merchant(user=user, name=options["merchant_name"])
        except services.MerchantIsClosed:
            raise CommandError("The merchant of this user is closed and stays so.") from None
        self.stdout.write(f"{user.email} signs in for {merchant.name}.")
