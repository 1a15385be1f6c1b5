"""The keys of an account, as the approved app makes, shows, changes and ends them: /v2/iam/api_keys, a preview."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from stripe_simulator import authorization, catalogue, deliveries_of_keys, errors, events, keys
from stripe_simulator.calls import Call, endpoint
from stripe_simulator.keys import Wishes
from stripe_simulator.parameters import moment
from stripe_simulator.state import ApiKey

TYPES = {"secret_key": "restricted", "publishable_key": "publishable"}
OVERLAP_MINUTES_MAXIMUM = 10_080
CREATE = {"type", "name", "note", "expires_at", "permissions", "connect_permissions", "public_key"}
UPDATE = {"name", "note", "permissions", "connect_permissions"}
ROTATE = {"expire_current_key_in_minutes", "public_key"}


def routes() -> list[web.RouteDef]:
    """Return every route of keys."""
    path = "/v2/iam/api_keys"
    return [
        web.get(path, endpoint(listed_keys, "api_key_write")),
        web.post(path, endpoint(created_key, "api_key_write")),
        web.get(path + "/{id}", endpoint(retrieved_key, "api_key_write")),
        web.post(path + "/{id}", endpoint(updated_key, "api_key_write")),
        web.post(path + "/{id}/expire", endpoint(expired_key, "api_key_write")),
        web.post(path + "/{id}/rotate", endpoint(rotated_key, "api_key_write")),
    ]


def created_key(call: Call) -> dict[str, Any]:
    """Make a key on the account; its secret travels encrypted in live mode, in the clear in test mode."""
    _check_app(call)
    _only(call.json, CREATE)
    kind = TYPES.get(str(call.json.get("type")))
    if kind is None:
        raise errors.bad_request("type: must be one of secret_key or publishable_key.", param="type")
    recipient = _recipient(call, kind)
    permissions = _permissions(call.json, "permissions")
    if kind == "restricted" and not permissions:
        kind = "secret"  # as the preview does without permissions
    account = call.sim.world.accounts[call.account]
    if call.livemode and not account.activated:
        raise errors.bad_request("Live keys can be made once the account is activated.")
    key = keys.create(
        call.sim,
        account=call.account,
        livemode=call.livemode,
        permissions=permissions,
        wishes=Wishes(
            name=str(call.json.get("name") or "API key"),
            kind=kind,
            app=call.sim.config.app.object_id,
            expires_at=moment(call.json, "expires_at"),
            note=str(call.json.get("note") or ""),
        ),
    )
    return _with_secret(call, key, recipient)


def updated_key(call: Call) -> dict[str, Any]:
    """Change a key's name, note or permissions; an empty list of permissions is ignored, as has been seen."""
    key = _key_of(call)
    _only(call.json, UPDATE)
    permissions = _permissions(call.json, "permissions")
    keys.update(call.sim, key, name=call.json.get("name"), note=call.json.get("note"))
    if permissions:
        keys.set_permissions(call.sim, key, permissions)
    return key_object(call, key)


def expired_key(call: Call) -> dict[str, Any]:
    """End a key; its secret works for some seconds more. A second time there is no such key."""
    key = _key_of(call)
    _only(call.json, set())
    if key.kind == "publishable":
        raise errors.bad_request("Publishable keys cannot be expired.")
    keys.expire(call.sim, key)
    return key_object(call, key)


def rotated_key(call: Call) -> dict[str, Any]:
    """Replace a key; the answer is the new one. The old one ends now, or after the minutes that are asked for."""
    key = _key_of(call)
    _only(call.json, ROTATE)
    minutes = call.json.get("expire_current_key_in_minutes", 0)
    if not isinstance(minutes, int) or not 0 <= minutes <= OVERLAP_MINUTES_MAXIMUM:
        raise errors.bad_request(
            "expire_current_key_in_minutes: must be at most 10080.", param="expire_current_key_in_minutes"
        )
    recipient = _recipient(call, key.kind)
    return _with_secret(call, keys.rotate(call.sim, key, overlap=minutes * 60), recipient)


def _key_of(call: Call) -> ApiKey:
    """The key that the path names; 404 for one of another account or mode, and for one that has ended."""
    _check_app(call)
    key = call.sim.world.keys.get(call.parts["id"])
    is_theirs = key is not None and (key.account, key.livemode) == (call.account, call.livemode)
    if key is None or not is_theirs or not key.is_active(call.sim.now()):
        raise errors.not_found_v2(call.parts["id"][:80])
    return key


def _only(given: Mapping[str, Any], known: set[str]) -> None:
    """ApiError 400 for a field that the endpoint does not have."""
    for name in given:
        if name not in known:
            offered = f", did you mean {' or '.join(sorted(known))}?" if known else "."
            raise errors.bad_request(f"{name[:40]}: Unknown field{offered}", param=name[:40])


def _permissions(given: Mapping[str, Any], name: str) -> list[str]:
    wanted = given.get(name, [])
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise errors.bad_request(f"{name}: must be a list of strings.", param=name)
    unknown = [one for one in wanted if not catalogue.is_known(one)]
    if unknown:
        raise errors.bad_request(f"Invalid permissions: {', '.join(unknown)[:200]}", param=name)
    return wanted


def _recipient(call: Call, kind: str) -> Any:
    """The public key to encrypt for; None where the secret travels in the clear."""
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


def _with_secret(call: Call, key: ApiKey, recipient: Any) -> dict[str, Any]:
    """The object that creates the secret: the only one that holds it, but for test mode, where all do."""
    shown = key_object(call, key)
    delivery = call.sim.switches.delivery
    if recipient is not None and (call.livemode or call.sim.switches.encrypts_in_test_mode):
        label = str(call.json["public_key"].get("id") or "")
        shown["secret_key"].pop("token", None)
        if delivery == "plain":
            shown["secret_key"]["token"] = key.token
        else:
            shown["secret_key"]["encrypted_secret"] = deliveries_of_keys.delivered(
                key.token, recipient, kind=delivery, label=label
            )
    return shown


def listed_keys(call: Call) -> dict[str, Any]:
    """Answer the account's keys. In test mode each carries its secret, as Stripe's do: a trap for those who log."""
    _check_app(call)
    limit = call.params.limit()
    ended = call.params.flag("include_expired")
    now = call.sim.now()
    after = call.params.text("page")
    found = [
        key_object(call, key)
        for key in call.sim.world.keys_of(call.account, livemode=call.livemode)
        if ended or key.is_active(now)
    ]
    ids = [key["id"] for key in found]
    start = ids.index(after) + 1 if after in ids else 0
    page = found[start : start + limit]
    following = None
    if start + limit < len(found):
        following = "/v2/iam/api_keys?" + urlencode({"limit": limit, "page": page[-1]["id"]})
    return {"data": page, "next_page_url": following, "previous_page_url": None}


def retrieved_key(call: Call) -> dict[str, Any]:
    """Answer one key; an expired one is 404 or `expired`, as the switch says."""
    _check_app(call)
    wanted = call.parts["id"]
    key = call.sim.world.keys.get(wanted)
    if key is None or key.account != call.account or key.livemode != call.livemode:
        raise errors.not_found_v2(wanted[:80])
    if call.sim.switches.retrieve_expired_is_404 and not key.is_active(call.sim.now()):
        raise errors.not_found_v2(wanted[:80])
    return key_object(call, key)


def _check_app(call: Call) -> None:
    """The preview's gates: version, an app's own key, a context, the app approved and installed."""
    if not call.version.endswith(".preview"):
        raise errors.bad_request(
            "This endpoint is in preview; send a preview Stripe-Version.", code="api_version_unsupported"
        )
    if not authorization.is_developer(call.sim, call.key):
        raise errors.app_not_allowed(call.account)
    if call.account == call.key.account:
        raise errors.bad_request("Stripe-Context is required for this endpoint.")
    if not call.sim.switches.api_key_write_approved:
        raise errors.app_not_allowed(call.account)


def key_object(call: Call, key: ApiKey) -> dict[str, Any]:
    """Return a key as the API shows it."""
    active = key.is_active(call.sim.now())
    shown: dict[str, Any] = {
        "id": key.id,
        "object": "v2.iam.api_key",
        "type": "publishable_key" if key.kind == "publishable" else "secret_key",
        "status": "active" if active else "expired",
        "created": events.iso(key.created),
        "livemode": key.livemode,
        "name": key.name,
        "note": key.note or None,
        "permissions": list(key.permissions),
        "connect_permissions": [],
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
