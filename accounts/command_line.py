"""What the commands that make users have in common: secrets come from the environment, never from the command line."""

import os
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_email

from accounts import services
from accounts.models import User


def from_environment(name: str) -> str:
    """The value of that variable; a CommandError naming the variable when it is missing or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise CommandError(f"The environment variable {name} is not set.")
    return value


class AccountCommand:
    """A management command that is about one user."""

    def add_account_arguments(self, parser: CommandParser) -> None:
        """Ask for the address, and for the *name* of the variable that holds the password."""
        parser.add_argument("--email", required=True, help="the address they sign in with")
        parser.add_argument(
            "--password-env", required=True, metavar="NAME", help="variable holding the password"
        )

    def ensure_user(self, options: dict[str, Any]) -> User:
        """The user, made if missing, with the password of the variable; a CommandError for an unusable address."""
        email, password = options["email"], from_environment(options["password_env"])
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError("That is not an e-mail address.") from None
        return services.ensure_user(email=email, password=password)
