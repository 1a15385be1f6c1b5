"""Choosing whose Dashboard one sees: no password, the simulator believes everybody."""

from aiohttp import web

from stripe_simulator import pages
from stripe_simulator.calls import SIMULATOR


def routes() -> list[web.RouteDef]:
    """Return the routes of the sign-in page and the two entrances to the Dashboard."""
    return [
        web.get("/", home),
        web.get("/sign-in", show),
        web.post("/sign-in", choose),
        web.get("/b/{account}", enter),
    ]


def home_path(request: web.Request) -> str:
    """Return where the Dashboard begins."""
    return f"/test/settings/apps/{request.app[SIMULATOR].config.app.manifest_id}"


async def home(request: web.Request) -> web.StreamResponse:
    """Go to the app's settings."""
    raise web.HTTPSeeOther(home_path(request))


async def show(request: web.Request) -> web.StreamResponse:
    """Show the accounts to choose from."""
    sim = request.app[SIMULATOR]
    return pages.render(
        request,
        "sign_in.html",
        accounts=pages.choosable_accounts(sim),
        next=pages.safe_path(request.query.get("next", ""), home_path(request)),
    )


async def choose(request: web.Request) -> web.StreamResponse:
    """Sign in as the chosen account and go on."""
    form = await pages.form_of(request)
    account = pages.chosen_account(request.app[SIMULATOR], form)
    if account is None:
        return pages.refusal(request, "No such account", "Choose an account of the list, or a new one.")
    response = web.HTTPSeeOther(pages.safe_path(form.get("next", ""), home_path(request)))
    pages.sign_in(request, response, account)
    return response


async def enter(request: web.Request) -> web.StreamResponse:
    """Follow a link of an error message: become that account and go to `destination`."""
    account = request.app[SIMULATOR].world.accounts.get(request.match_info["account"])
    if account is None:
        return pages.refusal(
            request, "No such account", "The link names an account that does not exist.", 404
        )
    target = pages.safe_path(request.query.get("destination", ""), home_path(request))
    response = web.HTTPSeeOther(target)
    pages.sign_in(request, response, account)
    return response
