"""A page that shows the latest events and what became of their deliveries."""

from aiohttp import web

from stripe_simulator import pages
from stripe_simulator.calls import SIMULATOR

SHOWN = 100


def routes() -> list[web.RouteDef]:
    """Return the routes of the log; it shows both modes, the address only remembers where one came from."""
    return [web.get("/log", show), web.get("/test/log", show)]


async def show(request: web.Request) -> web.StreamResponse:
    """Show the newest events first, each with its deliveries; and the newest API calls."""
    sim = request.app[SIMULATOR]
    newest = list(sim.world.events.values())[: -SHOWN - 1 : -1]
    by_event: dict[str, list[object]] = {event.id: [] for event in newest}
    for delivery in sim.world.deliveries.values():
        if delivery.event in by_event:
            by_event[delivery.event].append(delivery)
    return pages.render(
        request,
        "log.html",
        events=[(event, by_event[event.id]) for event in newest],
        requests=list(sim.requests)[: -SHOWN - 1 : -1],
        names={account.id: account.name for account in sim.world.accounts.values()},
        fanout=sim.switches.connect_fanout,
    )
