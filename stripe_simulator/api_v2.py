"""The events under /v2."""

from datetime import datetime
from typing import Any

from aiohttp import web

from stripe_simulator import errors, events, pages_of_lists
from stripe_simulator.calls import Call, endpoint
from stripe_simulator.state import Event

TYPES_MAXIMUM = 20
PATTERNS = {
    "gt": lambda created, limit: created > limit,
    "gte": lambda created, limit: created >= limit,
    "lt": lambda created, limit: created < limit,
    "lte": lambda created, limit: created <= limit,
}


def routes() -> list[web.RouteDef]:
    """Return every route of events."""
    return [
        web.get("/v2/core/events", endpoint(listed_events, "event_read")),
        web.get("/v2/core/events/{id}", endpoint(retrieved_event, "event_read")),
    ]


# Events


def listed_events(call: Call) -> dict[str, Any]:
    """Answer the account's thin events of the last thirty days, newest first, a page at a time."""
    limit = call.params.limit()
    kinds = call.params.texts("types")
    if len(kinds) > TYPES_MAXIMUM:
        raise errors.bad_request("types: at most 20 event types can be given.", param="types")
    bounds = _bounds(call)
    named = call.params.text("object_id")
    found = [
        event
        for event in reversed(call.sim.world.events.values())
        if _is_visible(call, event)
        and (not kinds or event.type in kinds)
        and (not named or (event.related_object or {}).get("id") == named)
        and all(PATTERNS[name](round(event.created, 3), moment) for name, moment in bounds)
    ]
    start = pages_of_lists.start(call, [event.id for event in found])
    page = [events.fetched(event) for event in found[start : start + limit]]
    return pages_of_lists.answer(call, page, is_last=start + limit >= len(found))


def _bounds(call: Call) -> list[tuple[str, float]]:
    found = []
    for name in PATTERNS:
        text = call.params.text(f"created[{name}]")
        if not text:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise errors.bad_request(f"created.{name}: Invalid timestamp.", param="created") from error
        if moment.tzinfo is None:
            raise errors.bad_request(f"created.{name}: Invalid timestamp.", param="created")
        found.append((name, moment.timestamp()))
    return found


def retrieved_event(call: Call) -> dict[str, Any]:
    """Answer one event with its `data`; 404 for an event of another account or mode."""
    wanted = call.parts["id"]
    event = call.sim.world.events.get(wanted)
    if event is None or not _is_visible(call, event):
        raise errors.not_found_v2(wanted[:80])
    return events.fetched(event)


def _is_visible(call: Call, event: Event) -> bool:
    return (
        event.shape == "thin"
        and event.account == call.account
        and event.livemode == call.livemode
        and event.created > call.sim.now() - events.KEPT_SECONDS
    )
