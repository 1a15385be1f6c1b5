"""What every page shares: who is signed in, the mode of the address, one-time messages, safe headers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp_jinja2
import jinja2
from aiohttp import web

from stripe_simulator import catalogue, installs, tokens
from stripe_simulator.calls import SIMULATOR
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import Account

HERE = Path(__file__).resolve().parent
COOKIE = "simulator_sid"
NEW_ACCOUNT = "new"
API_PATHS = ("/v1/", "/v2/")
HEADERS = {
    # No form-action: after Install or Deny the form's answer sends the browser to the app's site.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Flash:
    """Something the next page says once."""

    text: str
    key: str = ""
    """The key whose secret the next page shows."""


FLASHES = web.AppKey("flashes", dict[str, Flash])


class SignInFirstError(Exception):
    """The page is for somebody who is signed in."""


def prepare(app: web.Application) -> None:
    """Give the application its templates, its static files and the guard around its pages."""
    environment = aiohttp_jinja2.setup(
        app, loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True
    )
    environment.filters["moment"] = moment
    environment.filters["resource"] = lambda name: catalogue.label(name).rpartition(" ")[0]
    environment.filters["level"] = lambda name: name.rpartition("_")[2].capitalize()
    app[FLASHES] = {}
    app.router.add_static("/_static/", HERE / "static")


@web.middleware
async def page_middleware(request: web.Request, handler: WebHandler) -> web.StreamResponse:
    """Refuse what another site posts, send strangers to sign in, put safe headers on pages."""
    if request.path.startswith(API_PATHS):
        return await handler(request)
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site", "none") not in (
        "same-origin",
        "none",
    ):
        return web.Response(status=403, text="Another site may not do this.")
    try:
        response = await handler(request)
    except SignInFirstError:
        raise web.HTTPSeeOther(f"/sign-in?next={quote(request.path_qs, safe='')}") from None
    except web.HTTPNotFound as missing:
        if request.path.startswith("/_"):
            raise
        response = refusal(request, "Not found", missing.text or "There is no such page.", 404)
    response.headers.update(HEADERS)
    return response


def render(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """Return a page."""
    sim = request.app[SIMULATOR]
    sid = request.cookies.get(COOKIE, "")
    context = {
        "app": sim.config.app,
        "account": account_of(request),
        "livemode": is_live(request),
        "prefix": "" if is_live(request) else "/test",
        "path": request.path_qs,
        "flash": request.app[FLASHES].pop(sid, None) if sid and status == 200 else None,
        **values,
    }
    return aiohttp_jinja2.render_template(template, request, context, status=status)


def refusal(request: web.Request, title: str, text: str, status: int = 400) -> web.Response:
    """Return a page that says why it goes no further."""
    return render(request, "refusal.html", status, title=title, text=text)


def is_live(request: web.Request) -> bool:
    """Say whether the address is a live one; those of test mode begin with /test/."""
    return not request.path.startswith("/test/")


def account_of(request: web.Request) -> Account | None:
    """Return the account the browser's session has chosen."""
    world = request.app[SIMULATOR].world
    return world.accounts.get(world.sessions.get(request.cookies.get(COOKIE, ""), ""))


def signed_in(request: web.Request) -> Account:
    """Return the account of the session; SignInFirstError if there is none."""
    account = account_of(request)
    if account is None:
        raise SignInFirstError
    return account


def sign_in(request: web.Request, response: web.StreamResponse, account: Account) -> None:
    """Make this account the browser's."""
    sim = request.app[SIMULATOR]
    sid = request.cookies.get(COOKIE, "")
    if sid not in sim.world.sessions:
        sid = tokens.letters(32)
    sim.world.sessions[sid] = account.id
    response.set_cookie(COOKIE, sid, httponly=True, samesite="Lax", path="/")
    sim.changed()


def say(request: web.Request, text: str, key: str = "") -> None:
    """Let the next page say this once."""
    sid = request.cookies.get(COOKIE, "")
    if sid:
        request.app[FLASHES][sid] = Flash(text, key)


def choosable_accounts(sim: Simulator) -> list[Account]:
    """Return the merchants' accounts, newest first; not the platform's own."""
    found = [entry for entry in sim.world.accounts.values() if entry.id != sim.config.platform_account]
    return found[::-1]


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the posted fields, each with its first value."""
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def chosen_account(sim: Simulator, form: dict[str, str]) -> Account | None:
    """Return the account a form chose, opened now if a new one was asked for; None for an unknown one."""
    chosen = form.get("account", "")
    if chosen == NEW_ACCOUNT:
        name = form.get("account_name", "").strip()[:80] or "Example shop"
        return installs.open_account(sim, name, "owner@example.com")
    return next((entry for entry in choosable_accounts(sim) if entry.id == chosen), None)


def safe_path(value: str, otherwise: str) -> str:
    """Return an address of this very site, never one of another."""
    if value.startswith("/") and not value.startswith(("//", "/\\")) and value.isprintable():
        return value
    return otherwise


def moment(value: float | None) -> str:
    """Write a moment for people."""
    if value is None:
        return "never"
    return datetime.fromtimestamp(value, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")
