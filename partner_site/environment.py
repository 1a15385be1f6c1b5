"""How the site reads the variables it is given; `partner_site.settings` says which."""

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class SecretFiles(FileAwareMapping):  # type: ignore[misc]  # django-environ carries no types
    """NAME_FILE in place of NAME; the line break at the end, which every editor and `echo` leaves, is not meant."""

    def __getitem__(self, key: str) -> str:
        """The variable's value."""
        try:
            value: str = super().__getitem__(key)
        except (OSError, UnicodeDecodeError):
            # What stands there may be the secret itself: neither it nor the system's own words are shown.
            raise ImproperlyConfigured(f"{key}_FILE does not name a text file that can be read.") from None
        return value.rstrip("\r\n")


class Environment(environ.FileAwareEnv):  # type: ignore[misc]
    """The variables that the site is given."""

    ENVIRON = SecretFiles()
