"""The part of the admin endpoint that deals with events and their deliveries."""

import random
from dataclasses import asdict
from typing import Any

from stripe_simulator import events, tokens
from stripe_simulator.config import ConfigError
from stripe_simulator.envelopes import Rule, checked, encoded
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import Delivery, Event

Json = dict[str, Any]
ORDERS = ("oldest", "newest", "random")


def emit(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Publish any event: {type, account, livemode, shape, data, context, related_object, id, created, treatment}.

    With the `id` of an event that exists nothing new is made: that event is delivered again.
    """
    treatment = checked(dict(given.get("treatment") or {}))
    known = sim.world.events.get(given.get("id", ""))
    if known is not None:
        sim.post_office.post(known, events.body(known), treatment)
        return {"id": known.id}
    return {"id": events.publish(sim, _made(sim, given), treatment).id}


def emit_many(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Publish {events: [as for one, …]}, delivering none: whoever asks may sign and send the `body` of each."""
    made = [events.keep(sim, _made(sim, dict(each))) for each in given["events"]]
    sim.changed()
    return {"data": [{"id": event.id, "body": encoded(events.body(event))} for event in made]}


def _made(sim: Simulator, given: Json) -> Event:
    shape = given.get("shape", "thin")
    if shape not in ("thin", "snapshot"):
        raise ConfigError("shape is thin or snapshot.")
    livemode = bool(given.get("livemode", False))
    account = given.get("account") or sim.config.platform_account
    return Event(
        id=given.get("id") or tokens.event_id(livemode=livemode),
        type=given["type"],
        livemode=livemode,
        created=float(given.get("created", sim.now())),
        shape=shape,
        account=account,
        context=given.get("context", account if given.get("account") else None),
        connect=bool(given.get("account")),
        data=dict(given.get("data") or {}),
        related_object=given.get("related_object"),
    )


def list_events(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return the events, oldest first, or those of one `account` or `type`."""
    found = [
        event
        for event in sim.world.events.values()
        if given.get("account", event.account) == event.account
        and event.type.startswith(given.get("type", ""))
    ]
    return {"data": [asdict(event) for event in found]}


def ping(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Ping an endpoint."""
    if parts["id"] not in sim.endpoints:
        raise ConfigError(f"There is no endpoint {parts['id']}.")
    return {"id": events.ping(sim, parts["id"], livemode=bool(given.get("livemode", False))).id}


def list_deliveries(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return the deliveries with every attempt, oldest first, filtered by `event`, `endpoint`, `state`, `type`."""
    wanted = {name: given[name] for name in ("event", "endpoint", "state", "type") if name in given}
    found = [
        asdict(delivery)
        for delivery in sim.world.deliveries.values()
        if all(getattr(delivery, name) == value for name, value in wanted.items())
    ]
    return {"data": found}


def deliver_raw(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Deliver any text, signed: {endpoint, body, treatment}."""
    if given["endpoint"] not in sim.endpoints:
        raise ConfigError(f"There is no endpoint {given['endpoint']}.")
    treatment = checked(dict(given.get("treatment") or {}))
    return asdict(sim.post_office.post_raw(given["endpoint"], str(given["body"]), treatment))


def release(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Send what is held, one after the other: {order: oldest | newest | random}."""
    order = given.get("order", "oldest")
    if order not in ORDERS:
        raise ConfigError(f"order is one of {', '.join(ORDERS)}.")
    held = [delivery for delivery in sim.world.deliveries.values() if delivery.state == "held"]
    if order == "newest":
        held.reverse()
    elif order == "random":
        random.shuffle(held)
    sim.post_office.release(held)
    return {"released": len(held)}


def resend(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Send a delivery again, whatever became of it, without what spoilt it before."""
    delivery = _delivery(sim, parts["id"])
    delivery.treatment = {}
    sim.post_office.release([delivery])
    return asdict(delivery)


def _delivery(sim: Simulator, delivery_id: str) -> Delivery:
    if delivery_id not in sim.world.deliveries:
        raise ConfigError(f"There is no delivery {delivery_id}.")
    return sim.world.deliveries[delivery_id]


def add_treatment(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Spoil deliveries to come: {treatment: {…}, type: beginning of the type, times: 1 or null}."""
    rule = Rule(dict(given["treatment"]), given.get("type", ""), given.get("times", 1))
    sim.post_office.treatments.add(rule)
    return asdict(rule)


def clear_treatments(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Remove every rule for deliveries to come."""
    sim.post_office.clear_rules()
    return {"ok": True}
