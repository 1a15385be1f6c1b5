"""Who calls and what they may do, in Stripe's order: 401, then the address, then the account, then permission."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping

from stripe_simulator import catalogue, errors
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey


def presented_token(headers: Mapping[str, str]) -> str:
    """Return the key of a Bearer or Basic `Authorization` header, empty if there is none."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def authenticate(sim: Simulator, headers: Mapping[str, str], address: str) -> ApiKey:
    """Return the caller's key; ApiError 401 when it is absent, unknown, expired or used from elsewhere."""
    token = presented_token(headers)
    if not token:
        raise errors.no_key()
    key = sim.key_with(token)
    if key is None:
        raise errors.publishable_key() if token.startswith("pk_") else errors.unknown_key(token)
    if not key.authenticates(sim.now()):
        raise errors.expired_key(token)
    if not address_allowed(key, address):
        raise errors.address_refused(address)
    key.last_used = sim.now()
    return key


def address_allowed(key: ApiKey, address: str) -> bool:
    """Say whether the key's allowlist lets this address in; an empty list lets everybody in."""
    if not key.ip_allowlist:
        return True
    caller = ipaddress.ip_address(address)
    return any(caller in ipaddress.ip_network(entry, strict=False) for entry in key.ip_allowlist)


def named_account(headers: Mapping[str, str]) -> str:
    """Return the account a request says it acts on, empty if none: the last step of a context path."""
    named = headers.get("Stripe-Context") or headers.get("Stripe-Account") or ""
    return named.strip().rpartition("/")[2]


def acting_account(sim: Simulator, key: ApiKey, headers: Mapping[str, str]) -> str:
    """Return the account the request acts on; ApiError 403 `account_invalid` when the key does not reach it."""
    account = named_account(headers)
    if not account or account == key.account:
        return key.account
    if not reaches(sim, key, account):
        raise errors.account_unreachable(key, account)
    return account


def reaches(sim: Simulator, key: ApiKey, account: str) -> bool:
    """Say whether a key of the app's own account may act on this one: the app is installed and connected."""
    if key.account != sim.config.platform_account or not sim.switches.connect_fanout:
        return False
    found = sim.world.installs_of(account, livemode=key.livemode)
    return any(install.reaches_account for install in found)


def is_developer(sim: Simulator, key: ApiKey) -> bool:
    """Say whether the key belongs to the app's own account."""
    return key.account == sim.config.platform_account


def require(sim: Simulator, key: ApiKey, wanted: tuple[str, ...]) -> None:
    """Let the key pass if it holds any of these permissions; else ApiError 403."""
    if key.kind == "secret" or not wanted:
        return
    implied = sim.switches.implied_permissions
    if any(catalogue.allows(key.permissions, name, implied=implied) for name in wanted):
        return
    wording = key.wording or sim.switches.error_wording
    if sim.switches.wrong_names:
        wanted = tuple(catalogue.NAMED_INSTEAD.get(name, name) for name in wanted)
    raise errors.permission_missing(key, list(wanted), wording=wording, dashboard=sim.public_url)
