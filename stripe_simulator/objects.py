"""Customers, charges and the rest: listed, fetched, made and changed, all alike."""

from collections.abc import Callable
from typing import Any

from stripe_simulator import errors, events, tokens
from stripe_simulator.calls import Call
from stripe_simulator.resources import RESOURCES, Resource
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import StoredObject


def put(sim: Simulator, *, account: str, livemode: bool, path: str, body: dict[str, Any]) -> StoredObject:
    """Add an object to an account; KeyError for a path that is no list of the API."""
    resource = next((entry for entry in RESOURCES if entry.path == path), None)
    if resource is None:
        raise KeyError(path)
    return _put(sim, resource, account=account, livemode=livemode, path=path, body=body)


def _put(
    sim: Simulator, resource: Resource, *, account: str, livemode: bool, path: str, body: dict[str, Any]
) -> StoredObject:
    identifier = str(body.get("id") or f"{resource.id_prefix}_1{tokens.letters(23)}")
    whole = {
        "id": identifier,
        "object": resource.object_name,
        "created": int(sim.now()),
        "livemode": livemode,
        "metadata": {},
        **body,
    }
    whole["id"] = identifier
    stored = StoredObject(identifier, account, livemode, path, whole)
    sim.world.objects[identifier] = stored
    _written(sim)
    return stored


def _written(sim: Simulator) -> None:
    sim.writes += 1
    sim.changed()


def listed(call: Call, resource: Resource) -> dict[str, Any]:
    """Answer a list: newest first, `limit` and `starting_after` obeyed."""
    limit = call.params.limit()
    _require_product(call, resource)
    _require(call, resource.asked)
    found = _all(call, resource)
    after = call.params.text("starting_after")
    if after:
        places = [place for place, entry in enumerate(found) if entry["id"] == after]
        if not places:
            raise errors.no_such(
                resource.object_name, after[:80], in_other_mode=False, livemode=call.livemode
            )
        found = found[places[0] + 1 :]
    return {
        "object": "list",
        "url": call.path,
        "has_more": len(found) > limit,
        "data": found[:limit],
    }


def retrieved(call: Call, resource: Resource) -> dict[str, Any]:
    """Answer one object; 404 says whether the other mode has it."""
    identifier = call.parts["id"]
    for entry in _all(call, resource):
        if entry["id"] == identifier:
            return entry
    other = call.sim.world.objects.get(identifier)
    elsewhere = other is not None and other.account == call.account and other.livemode != call.livemode
    raise errors.no_such(
        resource.object_name, identifier[:80], in_other_mode=elsewhere, livemode=call.livemode
    )


def created(call: Call, resource: Resource) -> dict[str, Any]:
    """Make an object of what the caller sent."""
    given = call.params.nested()
    if "id" in given:
        raise errors.bad_request("Received unknown parameter: id", param="id", code="parameter_unknown")
    _require_product(call, resource)
    _require(call, resource.required)
    return _put(
        call.sim,
        resource,
        account=call.account,
        livemode=call.livemode,
        path=_path(call, resource),
        body=given,
    ).body


def updated(call: Call, resource: Resource) -> dict[str, Any]:
    """Change an object."""
    body = retrieved(call, resource)
    body.update({name: value for name, value in call.params.nested().items() if name != "id"})
    _written(call.sim)
    return body


def acted(status: str) -> Callable[[Call, Resource], dict[str, Any]]:
    """Return a handler that does to an object what leaves it in this status."""

    def act(call: Call, resource: Resource) -> dict[str, Any]:
        body = updated(call, resource)
        body["status"] = status
        return body

    return act


def deleted(call: Call, resource: Resource) -> dict[str, Any]:
    """Remove an object."""
    body = retrieved(call, resource)
    call.sim.world.objects.pop(body["id"], None)
    _written(call.sim)
    return {"id": body["id"], "object": resource.object_name, "deleted": True}


def _require(call: Call, names: tuple[str, ...]) -> None:
    """ApiError 400 for the first of these parameters that the caller did not send."""
    given = call.params.nested()
    for name in names:
        if name not in given:
            raise errors.bad_request(f"Missing required param: {name}.", param=name, code="parameter_missing")


def _require_product(call: Call, resource: Resource) -> None:
    if resource.product and not call.sim.switches.every_product:
        raise errors.bad_request(f"Your account is not set up to use {resource.product}.")


def _path(call: Call, resource: Resource) -> str:
    """Return the list an object belongs to; ApiError 404 when the object that the list belongs to is not there."""
    if "{parent}" not in resource.path:
        return resource.path
    above = resource.path.partition("/{parent}")[0]
    parent = call.sim.world.objects.get(call.parts["parent"])
    if parent is None or (parent.account, parent.livemode, parent.path) != (
        call.account,
        call.livemode,
        above,
    ):
        kind = next((entry.object_name for entry in RESOURCES if entry.path == above), "object")
        raise errors.no_such(kind, call.parts["parent"][:80], in_other_mode=False, livemode=call.livemode)
    return resource.path.replace("{parent}", parent.id)


def _all(call: Call, resource: Resource) -> list[dict[str, Any]]:
    if resource.object_name == "event":
        return _events(call)
    path = _path(call, resource)
    stored = [
        entry.body
        for entry in call.sim.world.objects.values()
        if (entry.account, entry.livemode, entry.path) == (call.account, call.livemode, path)
    ]
    if resource.object_name == "webhook_endpoint" and call.account == call.sim.config.platform_account:
        stored += _endpoints(call)
    return stored[::-1]


def _events(call: Call) -> list[dict[str, Any]]:
    kinds = call.params.texts("types") + call.params.texts("type")
    return [
        events.snapshot(event)
        for event in reversed(call.sim.world.events.values())
        if event.shape == "snapshot"
        and event.account == call.account
        and event.livemode == call.livemode
        and (not kinds or event.type in kinds)
    ]


def _endpoints(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "id": endpoint.id,
            "object": "webhook_endpoint",
            "url": endpoint.url,
            "enabled_events": list(endpoint.events),
            "livemode": call.livemode,
            "status": "disabled" if endpoint.disabled else "enabled",
            "metadata": {},
        }
        for endpoint in call.sim.endpoints.values()
        if endpoint.mode in ("both", "live" if call.livemode else "test")
    ]
