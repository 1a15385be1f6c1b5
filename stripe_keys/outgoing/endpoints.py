"""Where the partner's own systems listen, and the secrets that sign for them: two settings, read strictly."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MOST_ENDPOINTS = 8
_SHORTEST_SECRET_BYTES = 24  # Standard Webhooks: "between 24 bytes (192 bits) and 64 bytes"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}", re.ASCII)
_ADDRESS = re.compile(r"[!-~]{8,500}", re.ASCII)


class Unfit(Exception):
    """An entry of the settings cannot be used; the text says why and quotes nothing but an endpoint's name."""


@dataclass(frozen=True)
class Endpoint:
    """One address of the partner's own systems; messages to it are signed with every secret, the newest first."""

    name: str
    url: str = field(repr=False)  # its path or query may be a secret of its own
    secrets: tuple[str, ...] = field(repr=False)


def configured() -> dict[str, Endpoint]:
    """The endpoints that may be sent to, by name; what the start-up check refuses is left out."""
    if not settings.PARTNER_WEBHOOKS:
        return {}
    secrets = _secrets()
    found = {}
    for entry in settings.PARTNER_WEBHOOKS:
        try:
            name, url = read_address(entry)
        except Unfit:
            continue
        if secrets.get(name):
            found[name] = Endpoint(name, url, tuple(secrets[name]))
    return found


def refusals() -> Iterator[str]:
    """Everything that is wrong with the two settings, a sentence each."""
    names: list[str] = []
    for number, entry in enumerate(settings.PARTNER_WEBHOOKS, start=1):
        try:
            names.append(read_address(entry)[0])
        except Unfit as reason:
            yield f"Entry {number} of PARTNER_WEBHOOKS: {reason}"
    signed: dict[str, set[str]] = {}
    for number, entry in enumerate(settings.PARTNER_WEBHOOK_SECRETS, start=1):
        try:
            name, secret = read_secret(entry)
        except Unfit as reason:
            yield f"Entry {number} of PARTNER_WEBHOOK_SECRETS: {reason}"
        else:
            signed.setdefault(secret, set()).add(name)
    yield from _mismatches(names, signed)


def _mismatches(names: list[str], signed: dict[str, set[str]]) -> Iterator[str]:
    """Where the two settings do not go together; `signed` holds the names that each secret is given to."""
    owners = {name for of_secret in signed.values() for name in of_secret}
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"PARTNER_WEBHOOKS names {name!r} twice."
    for name in sorted(set(names) - owners):
        yield f"PARTNER_WEBHOOK_SECRETS has no secret for {name!r}."
    for name in sorted(owners - set(names)):
        yield f"PARTNER_WEBHOOK_SECRETS has a secret for {name!r}, and PARTNER_WEBHOOKS has no such endpoint."
    if any(len(of_secret) > 1 for of_secret in signed.values()):
        yield "PARTNER_WEBHOOK_SECRETS gives one secret to two endpoints: one could speak in our name to the other."
    if len(names) > MOST_ENDPOINTS:
        yield f"PARTNER_WEBHOOKS names more than {MOST_ENDPOINTS} endpoints."


def read_address(entry: str) -> tuple[str, str]:
    """The name and the address of `name=https://…`.

    Raises:
        Unfit: it is not of that form, or not an address to send to.
    """
    name, _, url = entry.strip().partition("=")
    if not _NAME.fullmatch(name) or not _ADDRESS.fullmatch(url):
        raise Unfit(
            "it is not name=https://…, with a name of small letters, digits and hyphens (24 at most)."
        )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 # raises for what is no port
    except ValueError:
        raise Unfit(f"the address of {name!r} cannot be read.") from None
    if "@" in parts.netloc or parts.fragment or not parts.hostname:
        raise Unfit(f"the address of {name!r} has a user name, a fragment or no host.")
    if not _is_safe(parts):
        raise Unfit(f"the address of {name!r} is not https, or is this very machine in production.")
    return name, url


def _is_safe(parts: SplitResult) -> bool:
    """Whether it is https and elsewhere; outside production also http, or https, to this machine itself."""
    at_home = _is_loopback(parts.hostname or "")
    if settings.SITE_ENVIRONMENT == "production":
        return parts.scheme == "https" and not at_home
    return parts.scheme == "https" or (parts.scheme == "http" and at_home)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_secret(entry: str) -> tuple[str, str]:
    """The name and the secret of `name:whsec_…`.

    Raises:
        Unfit: it is not of that form, or the secret is no base64 of 24 bytes or more.
    """
    name, _, secret = entry.strip().partition(":")
    if not _NAME.fullmatch(name) or not secret.startswith("whsec_"):
        raise Unfit("it is not name:whsec_….")
    encoded = secret.removeprefix("whsec_")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) < _SHORTEST_SECRET_BYTES or len(set(decoded)) == 1:
        raise Unfit(f"the secret of {name!r} is not base64 of {_SHORTEST_SECRET_BYTES} random bytes or more.")
    return name, secret


def _secrets() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in settings.PARTNER_WEBHOOK_SECRETS:
        try:
            name, secret = read_secret(entry)
        except Unfit:
            continue
        found.setdefault(name, []).append(secret)
    return found
