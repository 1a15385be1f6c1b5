"""The Dashboard's API keys: list, make, rotate, expire, reveal, edit."""

import ipaddress
from collections.abc import Mapping

from aiohttp import web

from stripe_simulator import catalogue, keys, pages, tokens
from stripe_simulator.calls import SIMULATOR
from stripe_simulator.state import ApiKey

OVERLAPS = {"now": 0, "1m": 60, "1h": 3600, "24h": 86400, "7d": 7 * 86400}
OVERLAP_WORDS = {
    "now": "now",
    "1m": "in 1 minute",
    "1h": "in 1 hour",
    "24h": "in 24 hours",
    "7d": "in 7 days",
}

Posted = Mapping[str, object]


def routes() -> list[web.RouteDef]:
    """Return the routes of the key pages in both modes."""
    made = []
    for prefix in ("", "/test"):
        path = prefix + "/apikeys"
        made += [
            web.get(path, show),
            web.get(path + "/create", new),
            web.post(path + "/create", create),
            web.get(path + "/{id}/edit", edit),
            web.post(path + "/{id}/edit", change),
            web.post(path + "/{id}/rotate", rotate),
            web.post(path + "/{id}/expire", expire),
            web.post(path + "/{id}/reveal", reveal),
        ]
    return made


def _list_path(request: web.Request) -> str:
    return ("" if pages.is_live(request) else "/test") + "/apikeys"


def _other_list_path(request: web.Request) -> str:
    return ("/test" if pages.is_live(request) else "") + "/apikeys"


def _key(request: web.Request) -> ApiKey:
    """Return the key of the address; 404 unless it is the session's account's own, in this mode."""
    account = pages.signed_in(request)
    key = request.app[SIMULATOR].world.keys.get(request.match_info["id"])
    if key is None or key.account != account.id or key.livemode != pages.is_live(request):
        raise web.HTTPNotFound(text="There is no such key.")
    return key


async def show(request: web.Request) -> web.StreamResponse:
    """Show every key of the account in this mode."""
    account = pages.signed_in(request)
    sim = request.app[SIMULATOR]
    elsewhere = sim.world.keys_of(account.id, livemode=not pages.is_live(request))
    return pages.render(
        request,
        "keys.html",
        elsewhere=len(elsewhere),
        other_list_path=_other_list_path(request),
        keys=sim.world.keys_of(account.id, livemode=pages.is_live(request)),
        now=sim.now(),
        overlaps=OVERLAP_WORDS,
        publishable=tokens.publishable_token(account.id, livemode=pages.is_live(request)),
        list_path=_list_path(request),
    )


async def new(request: web.Request) -> web.StreamResponse:
    """Show the form for a new key, filled in as the link says: `name`, `permissions[]` with or without `rak_`."""
    pages.signed_in(request)
    wanted = [
        catalogue.name_in_link(value)
        for name, value in request.query.items()
        if name.startswith("permissions[")
    ]
    return _form(request, request.query.get("name", "")[:100], wanted, [], None)


async def create(request: web.Request) -> web.StreamResponse:
    """Make a key and show it once."""
    account = pages.signed_in(request)
    posted = await request.post()
    name, allowlist = str(posted.get("name", ""))[:100], _allowlist(posted)
    if allowlist is None:
        return _form(request, name, _permissions(posted), [], None, problem=True)
    key = keys.create(
        request.app[SIMULATOR],
        account=account.id,
        livemode=pages.is_live(request),
        permissions=_permissions(posted),
        wishes=keys.Wishes(name=name or "Restricted key", ip_allowlist=allowlist),
    )
    pages.say(request, "The key is made. Copy it now.", key.id)
    raise web.HTTPSeeOther(_list_path(request))


async def edit(request: web.Request) -> web.StreamResponse:
    """Show what a key may do and from where."""
    key = _key(request)
    return _form(request, key.name, key.permissions, key.ip_allowlist, key)


async def change(request: web.Request) -> web.StreamResponse:
    """Keep the changes."""
    key = _key(request)
    posted = await request.post()
    allowlist = _allowlist(posted)
    if allowlist is None:
        return _form(request, key.name, _permissions(posted), [], key, problem=True)
    sim = request.app[SIMULATOR]
    keys.update(sim, key, name=str(posted.get("name", ""))[:100] or key.name, ip_allowlist=allowlist)
    keys.set_permissions(sim, key, _permissions(posted))
    pages.say(request, f"{key.name} is saved.")
    raise web.HTTPSeeOther(_list_path(request))


async def rotate(request: web.Request) -> web.StreamResponse:
    """Replace a key; show the new one."""
    key = _key(request)
    form = await pages.form_of(request)
    overlap = OVERLAPS.get(form.get("overlap", "now"), 0)
    successor = keys.rotate(request.app[SIMULATOR], key, overlap=overlap)
    words = OVERLAP_WORDS[form["overlap"]] if overlap else "now"
    pages.say(request, f"{key.name} is rotated; the old key stops working {words}.", successor.id)
    raise web.HTTPSeeOther(_list_path(request))


async def expire(request: web.Request) -> web.StreamResponse:
    """End a key."""
    key = _key(request)
    keys.expire(request.app[SIMULATOR], key)
    pages.say(request, f"{key.name} has expired.")
    raise web.HTTPSeeOther(_list_path(request))


async def reveal(request: web.Request) -> web.StreamResponse:
    """Show a key's secret."""
    key = _key(request)
    keys.reveal(request.app[SIMULATOR], key)
    pages.say(request, f"This is {key.name}.", key.id)
    raise web.HTTPSeeOther(_list_path(request))


def _form(
    request: web.Request,
    name: str,
    held: list[str],
    allowlist: list[str],
    key: ApiKey | None,
    *,
    problem: bool = False,
) -> web.Response:
    levels = {
        entry: next((level for level in ("write", "read") if f"{entry}_{level}" in held), "none")
        for entry in dict.fromkeys([*catalogue.names(), *(name.rpartition("_")[0] for name in held)])
    }
    return pages.render(
        request,
        "key_form.html",
        422 if problem else 200,
        key=key,
        name=name,
        levels=levels,
        read_only=catalogue.READ_ONLY,
        write_only=catalogue.WRITE_ONLY,
        words={entry: catalogue.label(f"{entry}_read").removesuffix(" Read") for entry in levels},
        allowlist="\n".join(allowlist),
        problem=problem,
        list_path=_list_path(request),
    )


def _permissions(posted: Posted) -> list[str]:
    """Return what the form's choices grant: each `level-<name>` is none, read or write."""
    found = []
    for field, level in posted.items():
        name = field.removeprefix("level-")
        if name != field and level in ("read", "write") and name.replace("_", "").isalnum():
            found.append(f"{name}_{level}")
    return found


def _allowlist(posted: Posted) -> list[str] | None:
    """Return the addresses given, one a line; None when one of them is no IPv4 address or range."""
    lines = [line.strip() for line in str(posted.get("ip_allowlist", "")).splitlines() if line.strip()]
    try:
        for line in lines:
            ipaddress.IPv4Network(line, strict=False)
    except ValueError:
        return None
    return lines
