"""The app's settings page in the Dashboard: its keys, its permissions, uninstall and reinstall."""

from aiohttp import web

from stripe_simulator import installs, keys, pages, tokens
from stripe_simulator.calls import SIMULATOR
from stripe_simulator.state import Install


def routes() -> list[web.RouteDef]:
    """Return the routes of the settings page in both modes."""
    made = []
    for prefix in ("", "/test"):
        path = prefix + "/settings/apps/{app}"
        made += [
            web.get(path, show),
            web.post(path + "/keys", view_keys),
            web.post(path + "/install", reinstall),
            web.post(path + "/uninstall", uninstall),
        ]
    return made


def _path(request: web.Request) -> str:
    prefix = "" if pages.is_live(request) else "/test"
    return f"{prefix}/settings/apps/{request.app[SIMULATOR].config.app.manifest_id}"


def _present(request: web.Request) -> Install | None:
    """Return the install on the session's account in the address's mode; 404 for another app."""
    sim = request.app[SIMULATOR]
    account = pages.signed_in(request)
    if request.match_info["app"] not in (sim.config.app.manifest_id, sim.config.app.object_id):
        raise web.HTTPNotFound(text="There is no such app.")
    found = sim.world.install_of(account.id, livemode=pages.is_live(request))
    return found if found is not None and found.status == "installed" else None


async def show(request: web.Request) -> web.StreamResponse:
    """Show the settings; with `?show=keys` the keys too, if they were made before."""
    install = _present(request)
    sim = request.app[SIMULATOR]
    key = keys.of_install(sim, install) if install and request.query.get("show") == "keys" else None
    account = pages.signed_in(request)
    return pages.render(
        request,
        "app_settings.html",
        install=install,
        key=key,
        publishable=tokens.publishable_token(account.id, livemode=pages.is_live(request)),
        settings_path=_path(request),
    )


async def view_keys(request: web.Request) -> web.StreamResponse:
    """Make the key if this is the first view, then show it."""
    install = _present(request)
    if install is None:
        raise web.HTTPSeeOther(_path(request))
    keys.view(request.app[SIMULATOR], install)
    raise web.HTTPSeeOther(_path(request) + "?show=keys")


async def reinstall(request: web.Request) -> web.StreamResponse:
    """Put the app back on the account."""
    _present(request)
    account = pages.signed_in(request)
    installs.install(request.app[SIMULATOR], account.id, livemode=pages.is_live(request))
    pages.say(request, "The app is installed.")
    raise web.HTTPSeeOther(_path(request))


async def uninstall(request: web.Request) -> web.StreamResponse:
    """Take the app off the account; its keys expire unless they are to be kept."""
    install = _present(request)
    form = await pages.form_of(request)
    if install is not None:
        keep = form.get("keys") == "keep"
        installs.uninstall(request.app[SIMULATOR], install, expire_keys=not keep)
        kept = "Its keys stay with you." if keep else "Its keys have expired."
        pages.say(request, f"The app is uninstalled. {kept}")
    raise web.HTTPSeeOther(_path(request))
