"""Where the pages of a purpose are: the default's have short addresses, the others' end in their name."""

from django.urls import reverse

from stripe_keys import purposes
from stripe_keys.models import RestrictedKey
from stripe_keys.purposes import DEFAULT_PURPOSE


class PurposeConverter:
    """The name of a purpose in an address; there is no page for the default's name, nor for one that is not defined."""

    regex = "[a-z][a-z0-9_-]{0,30}"

    def to_python(self, value: str) -> str:
        """The name as it stands; ValueError, and so a 404, where keys are not asked for under it."""
        if value == DEFAULT_PURPOSE or not purposes.is_defined(value):
            raise ValueError(value)
        return value

    def to_url(self, value: str) -> str:
        """The name as it stands."""
        return value


def of_connecting(mode: str, purpose: str = DEFAULT_PURPOSE) -> str:
    """What a key of that purpose may do, and how to get it; of a purpose that was given up, the default's page."""
    return reverse("stripe_keys:connect", args=_arguments(mode, purpose))


def of_pasting(mode: str, purpose: str = DEFAULT_PURPOSE) -> str:
    """Where a key of that purpose is pasted; of a purpose that was given up, the default's page."""
    return reverse("stripe_keys:paste_key", args=_arguments(mode, purpose))


def of_managing(page: str, mode: str, purpose: str = DEFAULT_PURPOSE) -> str:
    """One of the pages on which a merchant chooses who brings the keys of that purpose; `page` is its name."""
    return reverse(f"stripe_keys:{page}", args=_arguments(mode, purpose))


def of_bringing_another(key: RestrictedKey) -> str:
    """Where a key is pasted that is to do what `key` did, also where its purpose was given up."""
    if purposes.is_defined(key.purpose):
        return of_pasting(key.mode, key.purpose)
    return reverse("stripe_keys:replace_key", args=[key.pk])


def _arguments(mode: str, purpose: str) -> list[str]:
    return [mode, purpose] if purpose != DEFAULT_PURPOSE and purposes.is_defined(purpose) else [mode]
