"""The keys of an account, as the approved app makes, shows, changes and ends them: /v2/iam/api_keys, a preview."""

from typing import Any

from aiohttp import web

from stripe_simulator import authorization, errors, key_requests, keys, pages_of_lists
from stripe_simulator.calls import Call, endpoint
from stripe_simulator.key_objects import key_object, with_secret
from stripe_simulator.keys import Wishes
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey

PATH = "/v2/iam/api_keys"
TYPES = {"secret_key": "restricted", "publishable_key": "publishable"}


def routes() -> list[web.RouteDef]:
    """Return every route of keys."""
    return [
        web.get(PATH, endpoint(listed_keys, gate=_permission)),
        web.post(PATH, endpoint(created_key, gate=_permission)),
        web.get(PATH + "/{id}", endpoint(retrieved_key, gate=_permission)),
        web.post(PATH + "/{id}", endpoint(updated_key, gate=_permission)),
        web.post(PATH + "/{id}/expire", endpoint(expired_key, gate=_permission)),
        web.post(PATH + "/{id}/rotate", endpoint(rotated_key, gate=_permission)),
    ]


def _permission(sim: Simulator, key: ApiKey) -> tuple[str, ...]:
    """Name what opens the endpoint; of the app's own keys `key_requests.check_app` asks something else."""
    return () if authorization.is_developer(sim, key) else ("api_key_write",)


def created_key(call: Call) -> dict[str, Any]:
    """Make a key on the account; its secret travels encrypted in live mode, in the clear in test mode."""
    key_requests.check_app(call)
    key_requests.check_activated(call)
    key_requests.only(call.json, key_requests.CREATE)
    kind = TYPES.get(str(call.json.get("type")))
    if kind is None:
        raise errors.bad_request("type: must be one of secret_key or publishable_key.", param="type")
    recipient = key_requests.recipient(call, kind)
    permissions = key_requests.permissions(call.json)
    if kind == "restricted" and not permissions:
        kind = "secret"  # as the preview does without permissions
    wishes = Wishes(
        name=key_requests.text(call.json, "name") or "API key",
        kind=kind,
        connect_permissions=key_requests.permissions(call.json, "connect_permissions"),
        app=_maker(call),
        expires_at=key_requests.expiry(call),
        note=key_requests.text(call.json, "note") or "",
    )
    key = keys.create(
        call.sim, account=call.account, livemode=call.livemode, permissions=permissions, wishes=wishes
    )
    return with_secret(call, key, recipient)


def _maker(call: Call) -> str:
    """Return the app that the new key is managed by: the first, unless only the developer's second is installed."""
    first = call.sim.config.app.object_id
    there = [one.app or first for one in call.sim.world.installs_of(call.account, livemode=call.livemode)]
    return there[0] if there and first not in there else first


def updated_key(call: Call) -> dict[str, Any]:
    """Change a key's name, note or permissions; an empty list of permissions is ignored, as has been seen."""
    key = _living(call)
    key_requests.only(call.json, key_requests.UPDATE)
    permissions = key_requests.permissions(call.json)
    connect = key_requests.permissions(call.json, "connect_permissions")
    name, note = key_requests.text(call.json, "name"), key_requests.text(call.json, "note")
    keys.update(call.sim, key, name=name, note=note)
    keys.set_permissions(call.sim, key, permissions or key.permissions, connect=connect or None)
    return key_object(call, key)


def expired_key(call: Call) -> dict[str, Any]:
    """End a key; its secret works for some seconds more. A second time there is no such key."""
    key = _living(call)
    key_requests.only(call.json, set())
    if key.kind == "publishable":
        raise errors.bad_request("Publishable keys cannot be expired.")
    keys.expire(call.sim, key)
    return key_object(call, key)


def rotated_key(call: Call) -> dict[str, Any]:
    """Replace a key; the answer is the new one. The old one ends now, or after the minutes that are asked for."""
    key = _living(call)
    key_requests.check_activated(call)
    key_requests.only(call.json, key_requests.ROTATE)
    minutes = key_requests.overlap_minutes(call.json)
    recipient = key_requests.recipient(call, key.kind)
    return with_secret(call, keys.rotate(call.sim, key, overlap=minutes * 60), recipient)


def listed_keys(call: Call) -> dict[str, Any]:
    """Answer the account's keys. In test mode each carries its secret, as Stripe's do: a trap for those who log."""
    key_requests.check_app(call)
    limit = call.params.limit()
    ended, now = call.params.flag("include_expired"), call.sim.now()
    everything = call.sim.world.keys_of(call.account, livemode=call.livemode)
    # Counted among all, as the key that a page ended with may have ended since.
    start = pages_of_lists.start(call, [key.id for key in everything])
    found = [key for key in everything[start:] if ended or key.is_active(now)]
    page = [key_object(call, key) for key in found[:limit]]
    return pages_of_lists.answer(call, page, is_last=len(found) <= limit)


def retrieved_key(call: Call) -> dict[str, Any]:
    """Answer one key; an expired one is 404 or `expired`, as the switch says."""
    key_requests.check_app(call)
    key = _theirs(call)
    if call.sim.switches.retrieve_expired_is_404 and not key.is_active(call.sim.now()):
        raise errors.not_found_v2(key.id)
    return key_object(call, key)


def _living(call: Call) -> ApiKey:
    """Return the key that the path names; 404 also for one that has ended."""
    key_requests.check_app(call)
    key = _theirs(call)
    if not key.is_active(call.sim.now()):
        raise errors.not_found_v2(key.id)
    return key


def _theirs(call: Call) -> ApiKey:
    """Return the key that the path names; 404 for one of another account or mode."""
    wanted = call.parts["id"]
    key = call.sim.world.keys.get(wanted)
    if key is None or (key.account, key.livemode) != (call.account, call.livemode):
        raise errors.not_found_v2(wanted[:80])
    return key
