"""The App Installs API: the developer sees the installs of the app everywhere, a merchant those of one account."""

from typing import Any

from aiohttp import web

from stripe_simulator import authorization, errors, events, installs
from stripe_simulator.calls import Call, endpoint
from stripe_simulator.state import Install


def routes() -> list[web.RouteDef]:
    """Return the routes under /v1/apps/installs."""
    path = "/v1/apps/installs"
    return [
        web.get(path, endpoint(listed, "app_install_read")),
        web.post(path, endpoint(created, "app_install_write")),
        web.get(path + "/{id}", endpoint(retrieved, "app_install_read")),
        web.post(path + "/{id}", endpoint(retrieved, "app_install_write")),
        web.post(path + "/{id}/uninstall", endpoint(uninstalled, "app_install_write")),
    ]


def listed(call: Call) -> dict[str, Any]:
    """Answer the installs the caller may see, newest first."""
    _check_version(call)
    limit = call.params.limit()
    _check_app(call)
    wanted = call.params.text("account")
    found = [
        events.install_object(call.sim, install)
        for install in _visible(call)
        if wanted in ("", install.account)
    ]
    after = call.params.text("starting_after")
    ids = [entry["id"] for entry in found]
    if after in ids:
        found = found[ids.index(after) + 1 :]
    return {
        "object": "list",
        "url": "/v1/apps/installs",
        "has_more": len(found) > limit,
        "data": found[:limit],
    }


def created(call: Call) -> dict[str, Any]:
    """Install the app again on the account acted on, which must have it already."""
    _check_version(call)
    _check_app(call)
    if not authorization.is_developer(call.sim, call.key) or call.account == call.key.account:
        raise errors.bad_request("Public apps are installed from the Dashboard.", param="app")
    made = installs.install(call.sim, call.account, livemode=call.livemode)
    return events.install_object(call.sim, made)


def retrieved(call: Call) -> dict[str, Any]:
    """Answer one install."""
    _check_version(call)
    return events.install_object(call.sim, _one(call))


def uninstalled(call: Call) -> dict[str, Any]:
    """Begin to uninstall: the answer says `uninstalling`; some seconds later the install is gone."""
    _check_version(call)
    install = _one(call)
    if install.status == "installed":
        installs.uninstall(
            call.sim,
            install,
            expire_keys=call.sim.switches.uninstall_expires_keys,
            after=call.sim.switches.uninstall_seconds,
        )
    return events.install_object(call.sim, install)


def _check_version(call: Call) -> None:
    least = call.sim.switches.installs_minimum_version
    if call.version[:10] < least:
        raise errors.bad_request(
            f"This endpoint is only available to requests made with version {least} or later.",
            code="api_version_unsupported",
        )


def _check_app(call: Call) -> None:
    named = call.params.text("app")
    if named and named not in (call.sim.config.app.object_id, call.sim.config.second_app):
        raise errors.bad_request(f"No such app: '{named[:80]}'", param="app", code="resource_missing")


def _visible(call: Call) -> list[Install]:
    everywhere = authorization.is_developer(call.sim, call.key) and call.account == call.key.account
    named = call.params.text("app")
    found = [
        install
        for install in call.sim.world.installs.values()
        if install.livemode == call.livemode
        and (everywhere or install.account == call.account)
        and named in ("", install.app or call.sim.config.app.object_id)
    ]
    return found[::-1]


def _one(call: Call) -> Install:
    wanted = call.parts["id"]
    for install in _visible(call):
        if install.id == wanted:
            return install
    other = call.sim.world.installs.get(wanted)
    raise errors.no_such(
        "app install",
        wanted[:80],
        in_other_mode=other is not None and other.livemode != call.livemode,
        livemode=call.livemode,
    )
