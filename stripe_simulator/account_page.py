"""The Dashboard's account details: where a merchant reads the id of their account."""

from aiohttp import web

from stripe_simulator import pages


def routes() -> list[web.RouteDef]:
    """Return the route of the page, which is the same in both modes."""
    return [web.get("/settings/account", show)]


async def show(request: web.Request) -> web.StreamResponse:
    """Show whose account it is, and its id."""
    pages.signed_in(request)
    return pages.render(request, "account_details.html")
