"""The simulator's own door, `/_simulator/…`: JSON in, JSON out. README.md lists what it answers."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from stripe_simulator import admin_keys, admin_post, installs, objects
from stripe_simulator.admin_answers import (
    Json,
    NotThere,
    account_answer,
    account_named,
    install_answer,
    install_named,
)
from stripe_simulator.calls import SIMULATOR
from stripe_simulator.config import ConfigError, Endpoint
from stripe_simulator.simulator import Simulator

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    """Return every admin route."""
    prefix = "/_simulator"
    return [
        web.get(prefix + "/health", _plain(health)),
        web.post(prefix + "/reset", _plain(reset)),
        web.get(prefix + "/counts", _plain(counts)),
        web.get(prefix + "/requests", _plain(requests)),
        web.post(prefix + "/clock", _plain(clock)),
        web.get(prefix + "/switches", _plain(switches)),
        web.post(prefix + "/switches", _plain(switches)),
        web.post(prefix + "/signing-secrets", _plain(signing_secrets)),
        web.post(prefix + "/endpoints", _plain(put_endpoint)),
        web.post(prefix + "/accounts", _plain(create_account)),
        web.get(prefix + "/accounts", _plain(list_accounts)),
        web.post(prefix + "/installs", _plain(create_install)),
        web.get(prefix + "/installs", _plain(list_installs)),
        web.post(prefix + "/installs/{id}/uninstall", _plain(uninstall)),
        web.post(prefix + "/installs/{id}/ask", _plain(ask_for)),
        web.post(prefix + "/installs/{id}/approve", _plain(approve)),
        web.post(prefix + "/objects", _plain(create_object)),
        web.post(prefix + "/keys", _plain(admin_keys.create_key)),
        web.get(prefix + "/keys", _plain(admin_keys.list_keys)),
        web.get(prefix + "/keys/{id}", _plain(admin_keys.show_key)),
        web.post(prefix + "/keys/{id}", _plain(admin_keys.change_key)),
        web.post(prefix + "/keys/{id}/rotate", _plain(admin_keys.rotate_key)),
        web.post(prefix + "/keys/{id}/expire", _plain(admin_keys.expire_key)),
        web.post(prefix + "/keys/{id}/end-overlap", _plain(admin_keys.end_overlap)),
        web.post(prefix + "/keys/{id}/reveal", _plain(admin_keys.reveal_key)),
        web.get(prefix + "/faults", _plain(list_faults)),
        web.post(prefix + "/faults", _plain(add_fault)),
        web.delete(prefix + "/faults", _plain(clear_faults)),
        web.delete(prefix + "/faults/{id}", _plain(remove_fault)),
        *_routes_of_the_post(prefix),
    ]


def _routes_of_the_post(prefix: str) -> list[web.RouteDef]:
    return [
        web.post(prefix + "/events", _plain(admin_post.emit)),
        web.get(prefix + "/events", _plain(admin_post.list_events)),
        web.post(prefix + "/events/many", _plain(admin_post.emit_many)),
        web.post(prefix + "/endpoints/{id}/ping", _plain(admin_post.ping)),
        web.get(prefix + "/deliveries", _plain(admin_post.list_deliveries)),
        web.post(prefix + "/deliveries", _plain(admin_post.deliver_raw)),
        web.post(prefix + "/deliveries/release", _plain(admin_post.release)),
        web.post(prefix + "/deliveries/{id}/resend", _plain(admin_post.resend)),
        web.post(prefix + "/treatments", _plain(admin_post.add_treatment)),
        web.delete(prefix + "/treatments", _plain(admin_post.clear_treatments)),
    ]


Handler = Callable[[Simulator, Json, dict[str, str]], Any]


def _plain(handler: Handler) -> WebHandler:
    """Turn a function of (simulator, body or query, path parts) into an aiohttp handler."""

    async def handle(request: web.Request) -> web.StreamResponse:
        sim = request.app[SIMULATOR]
        given: Json = dict(request.query)
        raw = await request.read()
        if raw.strip():
            body = json.loads(raw)
            if not isinstance(body, dict):
                raise ConfigError("The body must be a JSON object.")
            given.update(body)
        return web.json_response(handler(sim, given, dict(request.match_info)))

    return handle


@web.middleware
async def admin_middleware(request: web.Request, handler: WebHandler) -> web.StreamResponse:
    """Turn the admin handlers' refusals into JSON sentences."""
    if not request.path.startswith("/_simulator/"):
        return await handler(request)
    try:
        return await handler(request)
    except NotThere as error:
        return web.json_response({"error": str(error)}, status=404)
    except ConfigError as error:
        return web.json_response({"error": str(error)}, status=400)
    except KeyError as error:
        return web.json_response({"error": f"{error} is missing or unknown."}, status=400)
    except (TypeError, ValueError) as error:
        return web.json_response({"error": f"Not understood: {error}."}, status=400)


def health(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Say that the simulator answers."""
    return {"ok": True}


def reset(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Forget everything but the configuration."""
    sim.reset()
    return {"ok": True}


def counts(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Count what there is."""
    world = sim.world
    return {
        "accounts": len(world.accounts),
        "installs": len(world.installs),
        "keys": len(world.keys),
        "events": len(world.events),
        "objects": len(world.objects),
        "writes": sim.writes,
        "requests": len(sim.requests),
        "requests_ever": sim.requests_ever,
        "deliveries": sim.post_office.counts(),
    }


def requests(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return the request log, oldest first, filtered by `path` (its beginning), `key`, `account`, `status`."""
    wanted = {name: str(given[name]) for name in ("key", "account", "status", "method") if name in given}
    found = [
        note
        for note in sim.requests
        if note["path"].startswith(given.get("path", ""))
        and all(str(note[name]) == value for name, value in wanted.items())
    ]
    return {"data": found}


def switches(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Set switches and return them all."""
    sim.switches.change(given)
    return asdict(sim.switches)


def clock(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Put the simulator's clock forward: {advance: seconds}. Signatures go on bearing the machine's time."""
    sim.clock.advance(max(float(given.get("advance", 0)), 0))
    return {"now": sim.now()}


def signing_secrets(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Replace the app's signing secrets: two while rolling, the newer first."""
    sim.signing_secrets = [str(secret) for secret in given["secrets"]]
    return {"count": len(sim.signing_secrets)}


def put_endpoint(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Add or replace a webhook endpoint; its secrets are not shown back."""
    endpoint = Endpoint(**given)
    sim.endpoints[endpoint.id] = endpoint
    if endpoint.disabled:
        sim.post_office.stop(endpoint.id)
    return {"id": endpoint.id, "url": endpoint.url, "disabled": endpoint.disabled}


def create_account(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Open an account: {name, email, id, activated}, each optional."""
    name = given.get("name", "Example shop")
    made = installs.open_account(sim, name, given.get("email", "shop@example.com"), given.get("id", ""))
    made.activated = bool(given.get("activated", True))
    return account_answer(made)


def list_accounts(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return every account."""
    return {"data": [account_answer(account) for account in sim.world.accounts.values()]}


def create_install(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Install the app: {account, livemode, app: the second app's id}."""
    account, livemode = account_named(sim, given["account"]), bool(given.get("livemode", False))
    made = installs.install(sim, account.id, livemode=livemode, app=str(given.get("app", "")))
    return install_answer(made)


def ask_for(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Let a newer version ask for more: {permissions}."""
    install = install_named(sim, parts["id"])
    installs.ask_for(sim, install, [str(name) for name in given.get("permissions", [])])
    return install_answer(install)


def approve(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Approve what a newer version asks for."""
    install = install_named(sim, parts["id"])
    installs.approve(sim, install)
    return install_answer(install)


def list_installs(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return every install."""
    return {"data": [install_answer(install) for install in sim.world.installs.values()]}


def uninstall(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Uninstall: {expire_keys: true, after: 0 seconds}."""
    install = install_named(sim, parts["id"])
    installs.uninstall(
        sim, install, expire_keys=bool(given.get("expire_keys", True)), after=float(given.get("after", 0))
    )
    return install_answer(install)


def create_object(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Add an object: {account, livemode, path: "/v1/customers", body: {…}}."""
    return objects.put(
        sim,
        account=account_named(sim, given["account"]).id,
        livemode=bool(given.get("livemode", False)),
        path=given["path"],
        body=dict(given.get("body") or {}),
    ).body


def list_faults(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return the faults in force."""
    return {"data": sim.faults.listed()}


def add_fault(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Add a fault."""
    return asdict(sim.faults.add(given))


def clear_faults(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Remove every fault."""
    sim.faults.clear()
    return {"ok": True}


def remove_fault(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Remove one fault."""
    if not sim.faults.remove(int(parts["id"])):
        raise NotThere(f"There is no fault {parts['id']}.")
    return {"ok": True}
