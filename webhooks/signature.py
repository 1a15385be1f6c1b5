"""Which of the configured signing secrets signed a delivery, and which of them are on their way out."""

import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from stripe_keys.signature import BadSignature, Claim, SigningSecret, read_header, secret_that_fits

__all__ = [
    "PREVIOUS",
    "BadSignature",
    "Claim",
    "check_secrets",
    "is_for_tests",
    "is_previous",
    "name_of_current",
    "read_header",
    "secret_that_signed",
    "signing_secrets",
]

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,60}):(?P<value>whsec_[!-~]{10,})", re.ASCII)
PREVIOUS = ".previous"


def signing_secrets() -> list[SigningSecret]:
    """The entries of STRIPE_WEBHOOK_SECRETS, `name:whsec_…` each: one per endpoint and mode, two while one is rolled.

    An entry of another form is left out: with an empty secret anybody could sign. Previous ones come last: Stripe signs
    with both while one is rolled, and what the current secret fits does not need the other.
    """
    return list(_entries(tuple(settings.STRIPE_WEBHOOK_SECRETS)))


@lru_cache(maxsize=4)
def _entries(written: tuple[str, ...]) -> tuple[SigningSecret, ...]:
    entries = [_ENTRY.fullmatch(entry.strip()) for entry in written]
    secrets = [SigningSecret(entry["name"], entry["value"]) for entry in entries if entry]
    return tuple(sorted(secrets, key=lambda secret: is_previous(secret.name)))


def is_previous(name: str) -> bool:
    """Whether that is the name of a secret which another one replaces: `live.previous` goes once `live` is in use."""
    return name.endswith(PREVIOUS)


def name_of_current(name: str) -> str:
    """The name of the secret that replaces the one of that name."""
    return name.removesuffix(PREVIOUS)


def is_for_tests(name: str) -> bool:
    """Whether that is the name of a secret which signs test events alone: one of its parts is `test`."""
    return "test" in re.split(r"[_.-]", name.lower())


def secret_that_signed(claim: Claim, body: bytes) -> str:
    """The name of the configured secret that signed `body` as claimed.

    Raises:
        BadSignature: the reason is for our logs, not for the caller.
    """
    return secret_that_fits(claim, body, signing_secrets())


def check_secrets(**_: Any) -> list[CheckMessage]:
    """Every entry of STRIPE_WEBHOOK_SECRETS looks like one, and its name says what it is for."""
    known = signing_secrets()
    names = {secret.name for secret in known}
    problems: list[CheckMessage] = []
    if len(names) != len(settings.STRIPE_WEBHOOK_SECRETS):
        problems.append(
            Error(
                "An entry of STRIPE_WEBHOOK_SECRETS is not name:whsec_…, or two entries have the same name.",
                hint="Write one entry per endpoint, separated by commas, for example live:whsec_…,test:whsec_….",
                id="webhooks.E001",
            )
        )
    problems += _check_names(names)
    if len({secret.value for secret in known}) < len(known):
        problems.append(
            Error(
                "Two entries of STRIPE_WEBHOOK_SECRETS have the same secret.",
                hint="Which of them a delivery was signed with could not be told. Remove one.",
                id="webhooks.E003",
            )
        )
    return problems


def _check_names(names: set[str]) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    lonely = sorted(
        name
        for name in names
        if is_previous(name) and (name_of_current(name) not in names or is_previous(name_of_current(name)))
    )
    if lonely:
        problems.append(
            Error(
                f"STRIPE_WEBHOOK_SECRETS has a previous secret without a current one: {', '.join(lonely)}.",
                hint="Beside live.previous:whsec_… there has to be a live:whsec_…, the new secret of that endpoint.",
                id="webhooks.E002",
            )
        )
    unclear = sorted(name for name in names if "test" in name.lower() and not is_for_tests(name))
    if unclear:
        problems.append(
            Error(
                f"These entries of STRIPE_WEBHOOK_SECRETS may or may not be for tests alone: {', '.join(unclear)}.",
                hint="Write test as a part of its own (thin-test, test.previous), or leave it out of the name.",
                id="webhooks.E007",
            )
        )
    return problems
