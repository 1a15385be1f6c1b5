"""Environments for the site made at run time: fresh random secrets, nothing that was ever committed."""

import base64
import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.folders import PROJECT

LETTERS = string.ascii_letters + string.digits
MANIFEST = PROJECT / "stripe_app" / "stripe-app.json"


def random_letters(length: int) -> str:
    """A random string of ASCII letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def app_id() -> str:
    """The Stripe App's id, from its manifest."""
    return str(json.loads(MANIFEST.read_text())["id"])


def fresh_secrets() -> dict[str, str]:
    """A new value for every secret the site reads, and the app's id at Stripe, shaped as the real ones are."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "KEY_ENCRYPTION_KEYS": f"local-1:{_random_key()}",
        "FINGERPRINT_KEYS": f"local-1:{_random_key()}",
        "STRIPE_APP_OBJECT_ID": "app_1" + random_letters(16),
        "STRIPE_APP_SIGNING_SECRETS": "absec_" + random_letters(32),
        "STRIPE_WEBHOOK_SECRETS": f"thin:whsec_{random_letters(32)},snapshot:whsec_{random_letters(32)}",
        "STRIPE_PLATFORM_KEY_LIVE": "sk_live_" + random_letters(32),
        "STRIPE_PLATFORM_KEY_TEST": "sk_test_" + random_letters(32),
    }


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where everything is: URLs. `stripe` answers for all three of Stripe's hosts; `email` is smtp://host:port.

    `ledger` is the path of the deletion ledger; without one, erasures wait to be written.
    """

    site: str
    stripe: str
    email: str
    database: str
    redis: str
    ledger: str = ""


def site_environment(kind: str, addresses: Addresses, site_secrets: Mapping[str, str]) -> dict[str, str]:
    """Every variable the site needs; `kind` becomes SITE_ENVIRONMENT."""
    return {
        "SITE_ENVIRONMENT": kind,
        "DJANGO_SETTINGS_MODULE": "partner_site.settings",
        "SITE_URL": addresses.site,
        "DATABASE_URL": addresses.database,
        "REDIS_URL": addresses.redis,
        "EMAIL_URL": addresses.email,
        "DELETION_LEDGER": addresses.ledger,
        "STRIPE_API_BASE": addresses.stripe,
        "STRIPE_INSTALL_BASE": addresses.stripe,
        "STRIPE_DASHBOARD_BASE": addresses.stripe,
        "STRIPE_APP_ID": app_id(),
        # A hint to the local Stripe's install page, where the person chooses the mode.
        "STRIPE_INSTALL_PATH_TEST": "/apps/install/link/{app_id}?livemode=false",
        **site_secrets,
    }


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def production_environment(addresses: Addresses) -> dict[str, str]:
    """What a production process is given, random and complete: what `make check` holds `check --deploy` against."""
    letters = random_letters(6).lower()
    site_secrets = {
        **fresh_secrets(),
        "KEY_ENCRYPTION_KEYS": f"{letters}:{_random_key()}",
        "FINGERPRINT_KEYS": f"{letters}:{_random_key()}",
        "OPS_ALERT_ADDRESSES": "ops@example.com",
        "METRICS_TOKEN": random_letters(40),
    }
    environment = site_environment("production", addresses, site_secrets)
    ours = ("_BASE", "_PATH_TEST")
    return {name: value for name, value in environment.items() if not name.endswith(ours)}


def as_lines(variables: Mapping[str, str]) -> str:
    """Variables as lines of NAME=value; values hold no line breaks."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def from_lines(text: str) -> dict[str, str]:
    """The variables that `as_lines` wrote."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
