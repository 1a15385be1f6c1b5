"""Which of the configured signing secrets signed a delivery."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from stripe_keys.signature import BadSignature, SigningSecret, verify

__all__ = ["BadSignature", "check_secrets", "secret_that_signed", "signing_secrets"]

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,60}):(?P<value>whsec_[!-~]{10,})", re.ASCII)


def signing_secrets() -> list[SigningSecret]:
    """The entries of STRIPE_WEBHOOK_SECRETS, `name:whsec_…` each: one per endpoint and mode, two while one is rolled.

    An entry of another form is left out: with an empty secret anybody could sign.
    """
    entries = [_ENTRY.fullmatch(entry.strip()) for entry in settings.STRIPE_WEBHOOK_SECRETS]
    return [SigningSecret(entry["name"], entry["value"]) for entry in entries if entry]


def secret_that_signed(header: str, body: bytes, *, now: datetime) -> str:
    """The name of the configured secret that signed `body` within 300 seconds of `now`.

    Raises:
        BadSignature: the reason is for our logs, not for the caller.
    """
    return verify(header, body, signing_secrets(), now=now)


def check_secrets(**_: Any) -> list[CheckMessage]:
    """Every entry of STRIPE_WEBHOOK_SECRETS has a name of its own and looks like a signing secret."""
    known = signing_secrets()
    if len({secret.name for secret in known}) == len(settings.STRIPE_WEBHOOK_SECRETS):
        return []
    return [
        Error(
            "An entry of STRIPE_WEBHOOK_SECRETS is not name:whsec_…, or two entries have the same name.",
            hint="Write one entry per endpoint, separated by commas, for example live:whsec_…,test:whsec_….",
            id="webhooks.E001",
        )
    ]
