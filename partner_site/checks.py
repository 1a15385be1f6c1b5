"""What the site refuses in its settings, in sentences that say what to do and never show a value.

`partner_site.startup` runs these before a web or worker process serves anything; `manage.py check` runs them too.
"""

import base64
import binascii
import hashlib
import ipaddress
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

TAG = "partner_site"
_STRIPE_BASES = {
    "STRIPE_API_BASE": {"https://api.stripe.com"},
    "STRIPE_INSTALL_BASE": {"https://marketplace.stripe.com", "https://dashboard.stripe.com"},
    "STRIPE_DASHBOARD_BASE": {"https://dashboard.stripe.com"},
}
_KEYS_OF_APPS = [
    (mode, f"STRIPE_{whose}_KEY_{mode.upper()}")
    for whose in ("PLATFORM", "MANAGED")
    for mode in ("live", "test")
]
SECRETS = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "METRICS_TOKEN",
    "PARTNER_WEBHOOK_SECRETS",
    "STRIPE_APP_SIGNING_SECRETS",
    "STRIPE_WEBHOOK_SECRETS",
    "KEY_ENCRYPTION_KEYS",
    "FINGERPRINT_KEYS",
    "VAULT_TRANSIT_TOKEN",
    *(name for _, name in _KEYS_OF_APPS),
)
_NEEDED_BY = {
    "aws-kms": ("AWS_KMS_KEYS",),
    "vault-transit": ("VAULT_TRANSIT_ADDRESS", "VAULT_TRANSIT_TOKEN", "VAULT_TRANSIT_KEY"),
}
_LAPTOP_KEY_IDS = ("demo", "local", "test")
_KEY_BYTES = 32
_SHORTEST_TOKEN = 20


def _refusal(number: int, message: str, hint: str) -> Error:
    """One thing that is wrong and what to do about it."""
    return Error(message, hint=hint, id=f"{TAG}.E{number:03}")


def _is_production() -> bool:
    """Whether real merchants' keys are kept here."""
    return bool(settings.SITE_ENVIRONMENT == "production")


@register(TAG)
def check_addresses(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """DEBUG stays on this machine; production has https and exact host names."""
    return list(_address_refusals())


def _address_refusals() -> Iterator[Error]:
    if settings.DEBUG and not _is_loopback(settings.SITE_HOST):
        yield _refusal(
            1,
            "DEBUG is on, and SITE_URL is not an address of this machine alone.",
            "Set DEBUG=false: its error pages quote requests to whoever sees them.",
        )
    if settings.SITE_HOST not in settings.ALLOWED_HOSTS:
        yield _refusal(
            2,
            "The host of SITE_URL is not in ALLOWED_HOSTS.",
            "Add it, or leave ALLOWED_HOSTS unset: it then follows SITE_URL.",
        )
    if not _is_production():
        return
    if settings.DEBUG:
        yield _refusal(3, "DEBUG is on in production.", "Set DEBUG=false.")
    if not settings.SITE_IS_HTTPS:
        yield _refusal(4, "SITE_URL is not https.", "Serve the site over TLS and set SITE_URL=https://….")
    if any(host == "*" or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        yield _refusal(
            5,
            "ALLOWED_HOSTS has a wildcard.",
            "Name each host exactly: links in mails must not follow a forged one.",
        )


def _is_loopback(host: str) -> bool:
    """Whether `host` is this machine, seen from itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@register(TAG)
def check_stripe(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Production talks to Stripe itself, can verify what Stripe sends, and never logs what Stripe answers."""
    return list(_stripe_refusals())


def _stripe_refusals() -> Iterator[Error]:
    if os.environ.get("STRIPE_LOG") or getattr(sys.modules.get("stripe"), "log", None):
        yield _refusal(
            10,
            "Stripe's own logging is on (STRIPE_LOG or stripe.log).",
            "Unset STRIPE_LOG: it prints request and response bodies, keys included, past every filter.",
        )
    for mode, name in _KEYS_OF_APPS:
        key = getattr(settings, name)
        if key and not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
            yield _refusal(
                11,
                f"{name} is not a {mode} key.",
                f"Give it a key that begins with rk_{mode}_ or sk_{mode}_.",
            )
    if not _is_production():
        return
    for name, known in _STRIPE_BASES.items():
        if getattr(settings, name) not in known:
            hosts = " or ".join(sorted(known))
            yield _refusal(12, f"{name} is not Stripe.", f"Leave it unset; production accepts only {hosts}.")
    if not settings.STRIPE_WEBHOOK_SECRETS:
        yield _refusal(
            13,
            "STRIPE_WEBHOOK_SECRETS is empty: no event from Stripe can be believed.",
            "Give it name:whsec_… for each webhook endpoint of the Stripe Dashboard.",
        )
    if not settings.STRIPE_APP_SIGNING_SECRETS:
        yield _refusal(
            14,
            "STRIPE_APP_SIGNING_SECRETS is empty: no return from an installation can be believed.",
            "Give it the app's signing secret (absec_…) from the Stripe Dashboard.",
        )


@register(TAG)
def check_keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The keys that protect stored secrets are whole, secret, separate and not the demo's."""
    return list(_key_refusals())


def _key_refusals() -> Iterator[Error]:
    seen: dict[bytes, str] = {}
    derived = _derived_from_secret_key()
    for name in ("KEY_ENCRYPTION_KEYS", "FINGERPRINT_KEYS"):
        entries = getattr(settings, name)
        if not entries and (name == "FINGERPRINT_KEYS" or settings.KEY_SERVICE == "local"):
            yield _refusal(20, f"{name} is empty.", f"Make one: id:$(openssl rand -base64 {_KEY_BYTES}).")
        for entry in entries:
            key_id, _, encoded = entry.partition(":")
            key = _decoded(encoded)
            if not key_id or key is None or len(key) != _KEY_BYTES:
                yield _refusal(
                    21,
                    f"An entry of {name} is not id:base64 of {_KEY_BYTES} bytes.",
                    f"Make one: id:$(openssl rand -base64 {_KEY_BYTES}).",
                )
                continue
            if key in derived or len(set(key)) == 1:
                yield _refusal(
                    22, f"A key of {name} can be guessed or derived from SECRET_KEY.", "Make a random one."
                )
            if seen.setdefault(key, name) != name:
                yield _refusal(
                    23, "An encryption key is also a fingerprint key.", "Make a key for each purpose."
                )
            if _is_production() and key_id.casefold().startswith(_LAPTOP_KEY_IDS):
                yield _refusal(
                    24, f"{name} holds a key made for a laptop.", "Make a new one, with an id of its own."
                )


@register(TAG)
def check_key_service(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The key service has what it needs, and a secret for it never travels in clear."""
    return list(_key_service_refusals())


def _key_service_refusals() -> Iterator[Error]:
    for name in _NEEDED_BY.get(settings.KEY_SERVICE, ()):
        if not getattr(settings, name):
            yield _refusal(
                25, f"{name} is empty, and KEY_SERVICE={settings.KEY_SERVICE} needs it.", "Set it."
            )
    for name in ("VAULT_TRANSIT_ADDRESS", "AWS_KMS_ENDPOINT"):
        address = getattr(settings, name)
        if _is_production() and address and not address.startswith("https://"):
            yield _refusal(
                26, f"{name} is not https.", "Use TLS: every data key goes there, and a token for Vault."
            )


def _decoded(encoded: str) -> bytes | None:
    """The bytes of a base64 text, or None if it is not one."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _derived_from_secret_key() -> set[bytes]:
    """The keys that somebody short of time makes from SECRET_KEY."""
    found: set[bytes] = set()
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        raw = secret.encode()
        found |= {raw[:_KEY_BYTES], hashlib.sha256(raw).digest(), hashlib.sha512(raw).digest()[:_KEY_BYTES]}
        if (decoded := _decoded(secret)) is not None:
            found.add(decoded[:_KEY_BYTES])
    return found


@register(TAG)
def check_surroundings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Secrets lie in files for our eyes only, and limits are counted where every process sees them."""
    return list(_surrounding_refusals())


def _surrounding_refusals() -> Iterator[Error]:
    if not _is_production():
        return
    if len(settings.SECRET_KEY) < 50 or settings.SECRET_KEY.startswith(("demo", "django-insecure")):
        yield _refusal(30, "SECRET_KEY is short or not a secret.", "Give it 50 or more random characters.")
    for name in SECRETS:
        path = os.environ.get(f"{name}_FILE")
        if path and _everybody_may_read(Path(path)):
            yield _refusal(
                31, f"Everybody on the machine may read the file of {name}_FILE.", "chmod 0400 it."
            )
    backend = settings.CACHES["default"]["BACKEND"]
    if backend.endswith((".LocMemCache", ".DummyCache")):
        yield _refusal(
            32,
            "The default cache belongs to one process, and sign-in limits are counted in it.",
            "Use the database cache or Redis.",
        )


@register(TAG)
def check_watching(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Somebody hears the alarms, and strangers cannot guess their way to the metrics."""
    if not _is_production():
        return []
    found: list[CheckMessage] = []
    if not settings.OPS_ALERT_ADDRESSES:
        found.append(
            Caution(
                "OPS_ALERT_ADDRESSES is empty: alarms stand in the ops desk and nobody is mailed.",
                hint="Name who is to be mailed when a stored key does not open.",
                id=f"{TAG}.W001",
            )
        )
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < _SHORTEST_TOKEN:
        found.append(
            _refusal(
                34, "METRICS_TOKEN can be guessed.", f"Give it {_SHORTEST_TOKEN} or more random characters."
            )
        )
    return found


def _everybody_may_read(path: Path) -> bool:
    """Whether the file's mode lets others read it."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
