"""Where the partner's own systems listen, and the secrets that sign for them: two settings, read strictly."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MOST_ENDPOINTS = 8
_SECRET_BYTES = range(24, 64 + 1)  # Standard Webhooks: "between 24 bytes (192 bits) and 64 bytes"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}", re.ASCII)
_ADDRESS = re.compile(r"[!-~]{8,500}", re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: what ends in a number is another way to write an address (127.1, 0x7f000001).
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?=[a-z]){_LABEL}", re.ASCII)
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_HOME = re.compile(r"(?:.+\.)?localhost|localhost\.localdomain|ip6-(?:localhost|loopback)")


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
    is_of_the_future = (
        "[" in parts.netloc and ":" not in parts.hostname
    )  # [v1.a]: RFC 3986 leaves room for more
    if is_of_the_future or parts.port == 0 or not _can_be_sent_to(parts.hostname):
        raise Unfit(f"the host or port of {name!r} is none that can be sent to, or is not written plainly.")
    if not _is_safe(parts):
        raise Unfit(f"the address of {name!r} is not https, or is this very machine in production.")
    return name, url


def _is_safe(parts: SplitResult) -> bool:
    """Whether it is https and elsewhere; outside production also http, or https, to this machine itself."""
    at_home = _is_home(parts.hostname or "")
    if settings.SITE_ENVIRONMENT == "production":
        return parts.scheme == "https" and not at_home
    return parts.scheme == "https" or (parts.scheme == "http" and at_home)


def _can_be_sent_to(host: str) -> bool:
    """Whether it is a host name, or an address of one host that others can reach; private ones may be meant."""
    address = _address_in(host)
    if address is None:
        return _HOST_NAME.fullmatch(host) is not None
    if address.is_loopback:
        return True
    is_of_no_host = address.is_link_local or address.is_multicast or address.is_reserved
    return not is_of_no_host and address not in _THIS_NETWORK and not address.is_unspecified


def _is_home(host: str) -> bool:
    address = _address_in(host)
    return _HOME.fullmatch(host) is not None if address is None else address.is_loopback


def _address_in(host: str) -> IPv4Address | IPv6Address | None:
    """The address that is written there in the usual way; an IPv4 address in the clothes of IPv6 is undressed."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_secret(entry: str) -> tuple[str, str]:
    """The name and the secret of `name:whsec_…`.

    Raises:
        Unfit: it is not of that form, or the secret is no base64 of 24 to 64 bytes.
    """
    name, _, secret = entry.strip().partition(":")
    if not _NAME.fullmatch(name) or not secret.startswith("whsec_"):
        raise Unfit("it is not name:whsec_….")
    encoded = secret.removeprefix("whsec_")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) not in _SECRET_BYTES or len(set(decoded)) == 1:
        raise Unfit(f"the secret of {name!r} is not base64 of 24 to 64 random bytes.")
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
