"""How the site reads the variables it is given; `partner_site.settings` says which."""

import re
from typing import Any

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


_INTEGER = re.compile(r"-?[0-9]{1,12}")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


def _whole_number(text: Any) -> int:
    if not _INTEGER.fullmatch(str(text).strip()):
        raise ValueError
    return int(str(text))


def _number(text: Any) -> float:
    if not _NUMBER.fullmatch(str(text).strip()):
        raise ValueError
    return float(str(text))


class Environment(environ.FileAwareEnv):  # type: ignore[misc]
    """The variables that the site is given.

    A number is digits, with a point for a fraction. Nothing else is taken for one: where a percentage stood, a limit
    would be off by a hundred, and nobody would notice.
    """

    ENVIRON = SecretFiles()

    def int(self, var: str, default: Any = environ.Env.NOTSET) -> Any:
        """A whole number."""
        return self._strictly(
            var, _whole_number, default, "a whole number, such as 60: digits and nothing else"
        )

    def float(self, var: str, default: Any = environ.Env.NOTSET) -> Any:
        """A number that may have a fraction."""
        return self._strictly(var, _number, default, "a number, such as 10 or 0.05: digits with a point")

    def _strictly(self, var: str, read: Any, default: Any, form: str) -> Any:
        text = self.get_value(var, cast=str, default=default)
        if text is default:
            return default
        try:
            return read(text)
        except ValueError:
            # What stands there may belong elsewhere, a secret even: it is not shown.
            raise ImproperlyConfigured(f"{var} is not {form}.") from None
