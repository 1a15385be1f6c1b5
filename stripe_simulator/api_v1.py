"""The paths under /v1: account, balance, every kind of object, and the installs of the app."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from stripe_simulator import api_installs, authorization, errors, objects
from stripe_simulator.calls import Call, Handler, endpoint
from stripe_simulator.resources import RESOURCES, Resource
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey

GATES = {
    "connected_account_read": ("connected_account_read",),
    "accounts_kyc_basic_read": ("accounts_kyc_basic_read",),
    "either": ("connected_account_read", "accounts_kyc_basic_read"),
    "none": (),
    "closed": ("connected_account_never",),
}


def routes() -> list[web.RouteDef]:
    """Return every route under /v1."""
    made = [
        web.get("/v1/account", endpoint(account, gate=account_gate)),
        web.get("/v1/accounts/{id}", endpoint(account_by_id, gate=account_gate)),
        web.get("/v1/balance", endpoint(balance, "balance_read")),
        web.get("/v1/tax/settings", endpoint(tax_settings, "tax_settings_read")),
        web.post("/v1/tax/settings", endpoint(set_tax_settings, "tax_settings_write")),
        *api_installs.routes(),
    ]
    for resource in RESOURCES:
        made += _resource_routes(resource)
    return made


def _resource_routes(resource: Resource) -> list[web.RouteDef]:
    one = resource.path + "/{id}"
    needed = resource.create_needs or resource.write
    every = {
        "l": web.get(resource.path, endpoint(_bound(objects.listed, resource), resource.read)),
        "f": web.get(one, endpoint(_bound(objects.retrieved, resource), resource.read)),
        "c": web.post(resource.path, endpoint(_bound(objects.created, resource), needed)),
        "u": web.post(one, endpoint(_bound(objects.updated, resource), resource.write)),
        "d": web.delete(one, endpoint(_bound(objects.deleted, resource), resource.write)),
    }
    done = [
        web.post(f"{one}/{action}", endpoint(_bound(objects.acted(status), resource), resource.write))
        for action, status in resource.actions
    ]
    return [route for word, route in every.items() if word in resource.can] + done


def _bound(handler: Callable[[Call, Resource], dict[str, Any]], resource: Resource) -> Handler:
    return lambda call: handler(call, resource)


def account_gate(sim: Simulator, _key: ApiKey) -> tuple[str, ...]:
    """Return what opens `GET /v1/account`; what it is today is not known for sure, hence the switch."""
    return GATES.get(sim.switches.account_gate, GATES["either"])


def account(call: Call) -> dict[str, Any]:
    """Answer the account acted on."""
    return _account_object(call, call.account)


def account_by_id(call: Call) -> dict[str, Any]:
    """Answer an account by its id if the key reaches it."""
    wanted = call.parts["id"]
    if wanted != call.account and not authorization.reaches(call.sim, call.key, wanted):
        raise errors.account_unreachable(call.key, wanted[:80])
    return _account_object(call, wanted)


def _account_object(call: Call, account_id: str) -> dict[str, Any]:
    known = call.sim.world.accounts[account_id]
    return {
        "id": known.id,
        "object": "account",
        "business_profile": {"name": known.name, "url": None},
        "charges_enabled": known.activated,
        "country": "IE",
        "created": int(known.created),
        "default_currency": "eur",
        "details_submitted": known.activated,
        "email": known.email,
        "payouts_enabled": known.activated,
        "settings": {"dashboard": {"display_name": known.name, "timezone": "Etc/UTC"}},
        "type": "standard",
    }


def balance(call: Call) -> dict[str, Any]:
    """Answer a balance; like Stripe's it does not say whose it is."""
    empty = [{"amount": 0, "currency": "eur", "source_types": {"card": 0}}]
    return {"object": "balance", "available": empty, "livemode": call.livemode, "pending": empty}


def tax_settings(call: Call) -> dict[str, Any]:
    """Answer the settings that each account has once."""
    return {"object": "tax.settings", "defaults": {}, "livemode": call.livemode, "status": "pending"}


def set_tax_settings(call: Call) -> dict[str, Any]:
    """Take settings, which are not kept, and note that they were written."""
    call.sim.writes += 1
    return tax_settings(call)
