"""The page an install link leads to, for both kinds of link, and the signed way back to the app's site."""

import json
import time
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from stripe_simulator import installs, pages, tokens
from stripe_simulator.calls import SIMULATOR
from stripe_simulator.envelopes import signed
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import Install


def routes() -> list[web.RouteDef]:
    """Return the routes of both kinds of link."""
    made = []
    for path in ("/apps/install/link/{app}", "/oauth/v2/authorize", "/oauth/v2/{channel}/authorize"):
        made += [web.get(path, show), web.post(path, answer)]
    return made


async def show(request: web.Request) -> web.StreamResponse:
    """Show what the app wants and let the person choose account, mode and whether to return."""
    problem = _problem(request)
    if problem:
        return pages.refusal(request, "This install link does not work", problem)
    sim = request.app[SIMULATOR]
    redirect_uri = request.query.get("redirect_uri", "")
    return pages.render(
        request,
        "install.html",
        accounts=pages.choosable_accounts(sim),
        livemode=_proposes_live(request),
        redirect_uri=redirect_uri,
        returns=bool(redirect_uri) and sim.switches.return_after_install,
    )


def _problem(request: web.Request) -> str:
    """Return why the link is not one of the app's, empty if it is."""
    app = request.app[SIMULATOR].config.app
    named = request.match_info.get("app")
    if named is not None and named != app.manifest_id:
        return f"There is no published app {named[:80]}."
    if named is None and request.query.get("client_id") != app.client_id:
        return "The link names no known client_id."
    if request.match_info.get("channel", app.channel_link) != app.channel_link:
        return "The link's channel (chnlink_…) does not exist or has ended."
    redirect_uri = request.query.get("redirect_uri", "")
    if redirect_uri and redirect_uri not in app.redirect_uris:
        return "The redirect_uri is not among the app's allowed_redirect_uris."
    return ""


def _proposes_live(request: web.Request) -> bool:
    """Propose test for links that hint at it; it is the person who decides."""
    return "channel" not in request.match_info and request.query.get("livemode") != "false"


async def answer(request: web.Request) -> web.StreamResponse:
    """Do what was chosen: install or deny, return or stay."""
    problem = _problem(request)
    if problem:
        return pages.refusal(request, "This install link does not work", problem)
    form = await pages.form_of(request)
    if form.get("decision") != "install":
        return _denied(request)
    sim = request.app[SIMULATOR]
    account = pages.chosen_account(sim, form)
    if account is None or form.get("mode") not in ("live", "test"):
        return pages.refusal(request, "Something is missing", "Choose an account and a mode.")
    livemode = form["mode"] == "live"
    install = installs.install(sim, account.id, livemode=livemode)
    redirect_uri = request.query.get("redirect_uri", "")
    if redirect_uri and form.get("after") == "return":
        target = _with_query(redirect_uri, return_parameters(sim, install, request.query.get("state", "")))
    else:
        target = f"{'' if livemode else '/test'}/settings/apps/{sim.config.app.manifest_id}"
    response = web.HTTPSeeOther(target)
    pages.sign_in(request, response, account)
    return response


def _denied(request: web.Request) -> web.StreamResponse:
    redirect_uri = request.query.get("redirect_uri", "")
    if not redirect_uri:
        return pages.refusal(request, "Not installed", "You denied the app. Nothing was changed.", 200)
    told = {"error": "access_denied", "error_description": "The user denied your request"}
    if request.query.get("state"):
        told["state"] = request.query["state"]
    return web.HTTPSeeOther(_with_query(redirect_uri, told))


def return_parameters(sim: Simulator, install: Install, state: str) -> dict[str, str]:
    """Return what the way back carries, signed with each of the app's signing secrets."""
    told = {"user_id": install.user, "account_id": install.account}
    payload = {"state": state, **told} if state else told
    if state:
        told["state"] = state
    if sim.signing_secrets:
        text = json.dumps(payload, separators=(",", ":"))
        told["install_signature"] = signed(text.encode(), sim.signing_secrets, int(time.time()))
    if not install.livemode:
        told["livemode"] = "false"
    if sim.config.app.access_type == "oauth":
        told["code"] = "ac_" + tokens.letters(32)
    return told


def _with_query(address: str, more: dict[str, str]) -> str:
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return urlunsplit(parts._replace(query=query))
