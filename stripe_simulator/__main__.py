"""`python -m stripe_simulator --config FILE [--host HOST] [--port PORT]`."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from stripe_simulator import config as configuration
from stripe_simulator.app import make_app
from stripe_simulator.calls import SIMULATOR


def main() -> int:
    """Serve until a signal comes; 2 for a configuration or a port that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="stripe_simulator", description="A local Stripe for demonstrations and tests."
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON file, see stripe_simulator/README.md"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100, help="0 picks a free port")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        app = make_app(configuration.read(options.config))
    except configuration.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(app, options.host, options.port))
    except OSError as error:
        print(f"Port {options.port} on {options.host} cannot be used: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


async def serve(app: web.Application, host: str, port: int) -> None:
    """Serve on this address, printing it once it answers."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=512)
        await site.start()
        address = f"http://{host}:{_port(runner)}"
        sim = app[SIMULATOR]
        sim.public_url = sim.public_url or address
        print(f"Stripe simulator on {address}", flush=True)
        await _until_told()
    finally:
        await runner.cleanup()


def _port(runner: web.AppRunner) -> int:
    return int(runner.addresses[0][1])


async def _until_told() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, told.set)
    await told.wait()


if __name__ == "__main__":
    sys.exit(main())
