"""Lets somebody whose second factor is lost, or cannot be read any more, set up a new one."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import second_factors
from accounts.models import User
from work.management.database import DatabaseCommand


class Command(DatabaseCommand):
    """Removes a user's authenticator app and recovery codes, ends their sessions and tells ops by mail.

    Make sure that the person asking is the user: with the password alone they set up the next second factor.
    """

    help = "Remove a user's second factor and end their sessions; they set up a new one at the next sign-in."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask whose."""
        parser.add_argument("--email", required=True, help="the address they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it."""
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError("Nobody signs in with that address.")
        count = second_factors.reset(user=user)
        if not count:
            self.stdout.write(f"{user.email} had no second factor; their sessions are ended.")
            return
        self.stdout.write(f"The second factor of {user.email} is removed and their sessions are ended.")
