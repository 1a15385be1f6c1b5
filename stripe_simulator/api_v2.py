"""The paths under /v2: events, and the keys of an account as the approved app sees them."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from stripe_simulator import authorization, errors, events
from stripe_simulator.calls import Call, endpoint
from stripe_simulator.state import ApiKey, Event

TYPES_MAXIMUM = 20
PATTERNS = {
    "gt": lambda created, limit: created > limit,
    "gte": lambda created, limit: created >= limit,
    "lt": lambda created, limit: created < limit,
    "lte": lambda created, limit: created <= limit,
}


def routes() -> list[web.RouteDef]:
    """Return every route under /v2. Making and ending keys through the API would join here."""
    return [
        web.get("/v2/core/events", endpoint(listed_events, "event_read")),
        web.get("/v2/core/events/{id}", endpoint(retrieved_event, "event_read")),
        web.get("/v2/iam/api_keys", endpoint(listed_keys, "api_key_write")),
        web.get("/v2/iam/api_keys/{id}", endpoint(retrieved_key, "api_key_write")),
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
    start = _start(call, found)
    page = found[start : start + limit]
    following = page[-1].id if start + limit < len(found) else ""
    return {
        "data": [events.fetched(event) for event in page],
        "next_page_url": _page_url(call, following) if following else None,
        "previous_page_url": None,
    }


def _start(call: Call, found: list[Event]) -> int:
    """A page goes on after the event its address names, so that new events do not shift it."""
    after = call.params.text("page")
    if not after:
        return 0
    places = [place for place, event in enumerate(found) if event.id == after]
    if not places:
        raise errors.bad_request("page: Invalid page token.", param="page")
    return places[0] + 1


def _page_url(call: Call, after: str) -> str:
    pairs = [(name, value) for name, value in call.params.pairs if name != "page"]
    return f"{call.path}?{urlencode([*pairs, ('page', after)])}"


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


# Keys


def listed_keys(call: Call) -> dict[str, Any]:
    """Answer the account's keys. In test mode each carries its secret, as Stripe's do: a trap for those who log."""
    _check_app(call)
    limit = call.params.limit()
    ended = call.params.flag("include_expired")
    now = call.sim.now()
    found = [
        key_object(call, key)
        for key in call.sim.world.keys_of(call.account, livemode=call.livemode)
        if ended or key.is_active(now)
    ]
    return {"data": found[:limit], "next_page_url": None, "previous_page_url": None}


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
        "secret_key": {"secret_token_redacted": key.shortened},
    }
    if not key.livemode:
        shown["secret_key"]["token"] = key.token
    if key.expires_at is not None:
        shown["expires_at"] = events.iso(key.expires_at)
    if key.last_used is not None:
        shown["last_used"] = events.iso(key.last_used)
    if key.app:
        shown["managed_by"] = {"type": "application", "application": {"id": key.app}}
    return shown
