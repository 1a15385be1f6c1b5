"""A key as the API shows it, with its secret and without."""

from typing import Any

from stripe_simulator import deliveries_of_keys, events
from stripe_simulator.calls import Call
from stripe_simulator.state import ApiKey


def key_object(call: Call, key: ApiKey) -> dict[str, Any]:
    """Return a key; in test mode with its secret, as Stripe does."""
    shown: dict[str, Any] = {
        "id": key.id,
        "object": "v2.iam.api_key",
        "type": "publishable_key" if key.kind == "publishable" else "secret_key",
        "status": "active" if key.is_active(call.sim.now()) else "expired",
        "created": events.iso(key.created),
        "livemode": key.livemode,
        "name": key.name,
        "note": key.note or None,
        "permissions": list(key.permissions),
        "connect_permissions": list(key.connect_permissions),
        "ip_allowlist": list(key.ip_allowlist),
    }
    if key.kind == "publishable":
        shown["publishable_key"] = {"token": key.token}
    else:
        shown["secret_key"] = {"secret_token_redacted": key.shortened}
        if not key.livemode:
            shown["secret_key"]["token"] = key.token
    if key.expires_at is not None:
        shown["expires_at"] = events.iso(key.expires_at)
    if key.last_used is not None:
        shown["last_used"] = events.iso(key.last_used)
    if key.app:
        shown["managed_by"] = {"type": "application", "application": {"id": key.app}}
    return shown


def with_secret(call: Call, key: ApiKey, recipient: Any) -> dict[str, Any]:
    """Return the key just made: the only answer with an encrypted secret, sent as the switch `delivery` says."""
    shown = key_object(call, key)
    if recipient is None or not (call.livemode or call.sim.switches.encrypts_in_test_mode):
        return shown
    delivery = call.sim.switches.delivery
    shown["secret_key"].pop("token", None)
    if delivery == "plain":
        shown["secret_key"]["token"] = key.token
    elif delivery != "nothing":
        label = str(call.json["public_key"].get("id") or "")
        shown["secret_key"]["encrypted_secret"] = deliveries_of_keys.delivered(
            key.token, recipient, kind=delivery, label=label
        )
    return shown
