"""Start-up checks of which apps of ours there are: one, or two whose settings are whole."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution

from stripe_keys import our_apps

_HINT = "See .env.example and docs/decisions/0005-one-app-or-two.md."


def check_apps(**_: Any) -> list[CheckMessage]:
    """Where another app makes the keys, everything that belongs to it is set; and nothing of it where there is none."""
    if our_apps.are_two():
        return [Error(problem, hint=_HINT, id="stripe_keys.E012") for problem in _lacking()]
    own = {
        "STRIPE_MANAGED_APP_ID": settings.STRIPE_MANAGED_APP_ID,
        "STRIPE_MANAGED_INSTALL_PATH_LIVE": settings.STRIPE_MANAGED_INSTALL_PATH_LIVE,
        "STRIPE_MANAGED_INSTALL_PATH_TEST": settings.STRIPE_MANAGED_INSTALL_PATH_TEST,
    }
    return [
        Caution(
            f"{name} is set, but STRIPE_MANAGED_APP_OBJECT_ID names no other app: it means nothing.",
            hint=_HINT,
            id="stripe_keys.W003",
        )
        for name, value in own.items()
        if value
    ]


def _lacking() -> list[str]:
    """What is missing of two apps: without it the wrong key would ask, or one app would be taken for the other."""
    found = []
    if not settings.STRIPE_APP_OBJECT_ID:
        found.append("STRIPE_MANAGED_APP_OBJECT_ID is set, and STRIPE_APP_OBJECT_ID is not.")
    if not settings.STRIPE_MANAGED_APP_ID:
        found.append("STRIPE_MANAGED_APP_OBJECT_ID is set, and STRIPE_MANAGED_APP_ID is not.")
    keys = {"live": settings.STRIPE_MANAGED_KEY_LIVE, "test": settings.STRIPE_MANAGED_KEY_TEST}
    found += [
        f"MANAGED_KEYS has {mode}, but STRIPE_MANAGED_KEY_{mode.upper()} of the app that makes keys is not set."
        for mode, key in keys.items()
        if mode in settings.MANAGED_KEYS and not key
    ]
    return found
