"""What happened and how Stripe tells it: thin notifications (v2), snapshots (v1), and the fetched event."""

from datetime import UTC, datetime
from typing import Any

from stripe_simulator import tokens
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey, Event, Install

KEPT_SECONDS = 30 * 24 * 3600
KEPT_COUNT = 50_000
API_VERSION = "2026-10-28.endive"

IAM = "v2.iam.api_key."
PING = "v2.core.event_destination.ping"


def publish(sim: Simulator, event: Event, treatment: dict[str, Any] | None = None) -> Event:
    """Keep the event and send it to every endpoint that wants it."""
    keep(sim, event)
    sim.post_office.post(event, body(event), treatment or {})
    sim.changed()
    return event


def keep(sim: Simulator, event: Event) -> Event:
    """Let the event be found by whoever fetches or lists events; nobody is told of it."""
    _forget_old(sim)
    sim.world.events[event.id] = event
    return event


def tell_about_key(sim: Simulator, key: ApiKey, what: str, *, new_key: ApiKey | None = None) -> Event | None:
    """Publish `v2.iam.api_key.<what>` if the app is connected to the key's account; else return None."""
    if not is_connected(sim, key.account, livemode=key.livemode):
        return None
    data = {"api_key": key.id}
    if new_key is not None:
        data["new_api_key"] = new_key.id
    related = None
    if sim.switches.related_object:
        url = f"/v2/iam/api_keys/{key.id}"
        related = {"id": key.id, "type": "v2.iam.api_key", "url": url}
    path = f"{sim.config.platform_account}/{key.account}"
    event = Event(
        id=tokens.event_id(livemode=key.livemode),
        type=IAM + what,
        livemode=key.livemode,
        created=sim.now(),
        shape="thin",
        account=key.account,
        context=path if sim.switches.context_is_path else key.account,
        data=data,
        related_object=related,
    )
    return publish(sim, event)


def is_connected(sim: Simulator, account: str, *, livemode: bool) -> bool:
    """Say whether events of this account reach the app: it is installed there and the fan-out is on."""
    if not sim.switches.connect_fanout:
        return False
    return bool(sim.world.installs_of(account, livemode=livemode))


def tell_about_authorization(sim: Simulator, install: Install, what: str) -> Event | None:
    """Publish `account.application.<what>`: the merchant in `account`, the platform in `context`."""
    if not sim.switches.connect_fanout:
        return None
    app = sim.config.app
    client_id = app.client_id if not install.app else f"ca_{install.app.removeprefix('app_')}"
    application = {"id": client_id, "object": "application", "name": app.name}
    return publish(sim, _snapshot(sim, install, f"account.application.{what}", application))


def tell_about_install(sim: Simulator, install: Install, what: str) -> Event | None:
    """Publish `apps.install.<what>` with the install as it is now."""
    if not sim.switches.connect_fanout:
        return None
    return publish(sim, _snapshot(sim, install, f"apps.install.{what}", install_object(sim, install)))


def _snapshot(sim: Simulator, install: Install, kind: str, data: dict[str, Any]) -> Event:
    return Event(
        id=tokens.event_id(livemode=install.livemode),
        type=kind,
        livemode=install.livemode,
        created=sim.now(),
        shape="snapshot",
        account=install.account,
        context=sim.config.platform_account,
        data=data,
    )


def ping(sim: Simulator, endpoint_id: str, *, livemode: bool) -> Event:
    """Publish the ping of an event destination; it happens on the platform's own account and has no context."""
    return publish(
        sim,
        Event(
            id=tokens.event_id(livemode=livemode),
            type=PING,
            livemode=livemode,
            created=sim.now(),
            shape="thin",
            account=sim.config.platform_account,
            connect=False,
            related_object={
                "id": endpoint_id,
                "type": "v2.core.event_destination",
                "url": f"/v2/core/event_destinations/{endpoint_id}",
            },
        ),
        {"endpoint": endpoint_id},
    )


def install_object(sim: Simulator, install: Install) -> dict[str, Any]:
    """Return an install as the API shows it."""
    empty: dict[str, list[str]] = {"connect_src": [], "image_src": []}
    return {
        "id": install.id,
        "object": "apps.install",
        "account": install.account,
        "app": install.app or sim.config.app.object_id,
        "approval_required": bool(install.pending),
        "auth_code": None,
        "channel": "public" if install.livemode else "testing",
        "content_security_policy_granted": empty,
        "content_security_policy_pending": empty,
        "created": int(install.created),
        "created_by": None,
        "endpoints_granted": [],
        "endpoints_pending": [],
        "livemode": install.livemode,
        "permissions_granted": list(install.permissions),
        "permissions_pending": list(install.pending),
        "status": install.status,
    }


def body(event: Event) -> dict[str, Any]:
    """Return the event as it is delivered."""
    return snapshot(event) if event.shape == "snapshot" else thin(event)


def thin(event: Event) -> dict[str, Any]:
    """Return the notification: no `data`, `related_object` and `context` only where there are any."""
    notification: dict[str, Any] = {
        "id": event.id,
        "object": "v2.core.event",
        "type": event.type,
        "livemode": event.livemode,
        "created": iso(event.created),
        "reason": event.reason,
    }
    if event.context is not None:
        notification["context"] = event.context
    if event.related_object is not None:
        notification["related_object"] = event.related_object
    return notification


def fetched(event: Event) -> dict[str, Any]:
    """Return the event as `GET /v2/core/events/{id}` answers it: the notification and its `data`."""
    return {"context": None, **thin(event), **({"data": event.data} if event.data else {})}


def snapshot(event: Event) -> dict[str, Any]:
    """Return a v1 event."""
    told: dict[str, Any] = {
        "id": event.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": int(event.created),
        "data": {"object": event.data},
        "livemode": event.livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event.type,
    }
    if event.connect:
        told["account"] = event.account
    if event.context is not None:
        told["context"] = event.context
    return told


def iso(moment: float) -> str:
    """Return a moment as v2 writes it: milliseconds and Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _forget_old(sim: Simulator) -> None:
    events = sim.world.events
    limit = sim.now() - KEPT_SECONDS
    for event_id in list(events):
        if events[event_id].created >= limit and len(events) < KEPT_COUNT:
            break
        del events[event_id]
