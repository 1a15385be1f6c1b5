"""What the key endpoint asks of a request before it does anything: its gates, one after the other, and its fields."""

from collections.abc import Mapping
from typing import Any

from stripe_simulator import authorization, deliveries_of_keys, errors, grants
from stripe_simulator.calls import Call
from stripe_simulator.parameters import moment

OVERLAP_MINUTES_MAXIMUM = 10_080
CREATE = {"type", "name", "note", "expires_at", "permissions", "connect_permissions", "public_key"}
UPDATE = {"name", "note", "permissions", "connect_permissions"}
ROTATE = {"expire_current_key_in_minutes", "public_key"}
# The one hint of Stripe's that has been seen.
_MEANT = {"status": "name, note"}


def check_app(call: Call) -> None:
    """Raise unless an app's own key asks, in the preview, for an account that lets the app make keys."""
    if not call.version.endswith(".preview"):
        raise errors.bad_request(
            "This endpoint is in preview; send a preview Stripe-Version.", code="api_version_unsupported"
        )
    if not authorization.is_developer(call.sim, call.key):
        raise errors.app_not_allowed(call.account)
    if call.key.kind != "secret" and "api_key_write" not in call.key.connect_permissions:
        raise errors.permission_missing(
            call.key,
            ["api_key_write"],
            wording=call.sim.switches.error_wording,
            dashboard=call.sim.public_url,
        )
    if call.account == call.key.account:
        raise errors.bad_request("Stripe-Context is required for this endpoint.")
    if not call.sim.switches.api_key_write_approved:
        raise errors.app_not_allowed(call.account)


def check_activated(call: Call) -> None:
    """Raise for a live key of an account that is not activated."""
    if call.livemode and not call.sim.world.accounts[call.account].activated:
        raise errors.ApiError(403, "Live keys can be made once the account is activated.")


def only(given: Mapping[str, Any], known: set[str]) -> None:
    """Raise for a field that the endpoint does not have."""
    for name in given:
        if name not in known:
            hint = f", did you mean {_MEANT[name]}?" if name in _MEANT and known else "."
            raise errors.bad_request(f"{name[:40]}: Unknown field{hint}", param=name[:40])


def text(given: Mapping[str, Any], name: str) -> str | None:
    """Return a text, None where it is not given."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.bad_request(f"{name}: must be a string.", param=name)
    return value


def permissions(given: Mapping[str, Any], name: str = "permissions") -> list[str]:
    """Return a list of permissions that exist, empty where it is not given."""
    wanted = given.get(name, [])
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise errors.bad_request(f"{name}: must be a list of strings.", param=name)
    unknown = [one for one in wanted if not grants.is_known(one)]
    if unknown:
        raise errors.bad_request(f"Invalid permissions: {', '.join(unknown)[:200]}", param=name)
    return wanted


def overlap_minutes(given: Mapping[str, Any]) -> int:
    """Return for how long the replaced key is to go on working."""
    name = "expire_current_key_in_minutes"
    minutes = given.get(name, 0)
    if (
        isinstance(minutes, bool)
        or not isinstance(minutes, int)
        or not 0 <= minutes <= OVERLAP_MINUTES_MAXIMUM
    ):
        raise errors.bad_request(f"{name}: must be at most {OVERLAP_MINUTES_MAXIMUM}.", param=name)
    return minutes


def expiry(call: Call) -> float | None:
    """Return when the key is to end by itself, None for never."""
    return moment(call.json, "expires_at")


def recipient(call: Call, kind: str) -> Any:
    """Return the public key to encrypt for; None where the secret travels in the clear."""
    given = call.json.get("public_key")
    if kind == "publishable":
        if given is not None:
            raise errors.bad_request("public_key: not allowed for publishable keys.", param="public_key")
        return None
    if given is None:
        if call.livemode:
            raise errors.bad_request("public_key: required for secret keys in live mode.", param="public_key")
        return None
    return deliveries_of_keys.public_key_of(given)
