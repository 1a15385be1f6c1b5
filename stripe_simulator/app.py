"""The application: every route on one port, and what runs beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from stripe_simulator import (
    account_page,
    admin,
    api_keys,
    api_v1,
    api_v2,
    app_settings_page,
    calls,
    install_page,
    installs,
    keys,
    keys_page,
    log_page,
    pages,
    sign_in_page,
)
from stripe_simulator.config import Config
from stripe_simulator.simulator import Simulator, logger

SWEEP_SECONDS = 0.25
BODY_MAXIMUM = 2 * 1024 * 1024


def make_app(config: Config) -> web.Application:
    """Return the application for this configuration, with what its state file remembers."""
    app = web.Application(
        middlewares=[pages.page_middleware, admin.admin_middleware, calls.api_middleware],
        client_max_size=BODY_MAXIMUM,
    )
    app[calls.SIMULATOR] = Simulator.start(config)
    app.add_routes(admin.routes())
    app.add_routes(api_v1.routes())
    app.add_routes(api_v2.routes())
    app.add_routes(api_keys.routes())
    for room in (sign_in_page, install_page, app_settings_page, account_page, keys_page, log_page):
        app.add_routes(room.routes())
    pages.prepare(app)
    for version in ("v1", "v2"):
        app.router.add_route("*", f"/{version}/{{tail:.*}}", calls.unknown)
    app.cleanup_ctx.append(_background)
    return app


async def _background(app: web.Application) -> AsyncIterator[None]:
    sim = app[calls.SIMULATOR]
    sim.post_office.resume()
    sweeper = asyncio.create_task(_sweep(sim))
    yield
    sweeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeper
    await sim.post_office.close()
    sim.save()


async def _sweep(sim: Simulator) -> None:
    """End what is due: overlaps, expiry dates, uninstalls."""
    while True:
        try:
            keys.end_due(sim)
            installs.finish_due(sim)
        except Exception:
            logger.exception("The sweep failed; it goes on.")
        await asyncio.sleep(SWEEP_SECONDS)
