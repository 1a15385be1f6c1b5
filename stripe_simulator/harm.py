"""How each kind of fault is done to a request or its answer."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from stripe_simulator import authorization, errors
from stripe_simulator.faults import Fault, Faults

Answer = Callable[[], Awaitable[web.Response]]
HANG_SECONDS = 3600.0

HTML = (
    "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
)


async def around(
    fault: Fault | None, faults: Faults, request: web.Request, answer: Answer
) -> web.StreamResponse:
    """Return the answer, harmed as the fault says; with no fault it is returned as it is."""
    if fault is None:
        return await answer()
    if fault.kind == "slow":
        request["delay"] = fault.seconds
        return await answer()
    if fault.kind in ("truncated", "invalid_json"):
        return await _broken(fault, request, await answer())
    if fault.moment == "after":
        await answer()
    response = await _instead(fault, faults, request)
    if "request_id" in request:
        response.headers.setdefault("Request-Id", request["request_id"])
    if fault.should_retry is not None:
        response.headers["Stripe-Should-Retry"] = "true" if fault.should_retry else "false"
    return response


async def _instead(fault: Fault, faults: Faults, request: web.Request) -> web.Response:
    """Do the fault in place of the answer."""
    if fault.kind == "hang":
        await faults.wait(fault.seconds if fault.seconds > 1 else HANG_SECONDS)
        return web.Response(status=504)
    if fault.kind == "reset":
        reset(request)
        return web.Response(status=499)
    if fault.kind == "html":
        return web.Response(status=fault.status, text=HTML, content_type="text/html")
    if fault.kind == "redirect":
        return web.Response(status=302, headers={"Location": fault.reason or "/v1/elsewhere"})
    if fault.kind == "quoting":
        error = errors.quoting(fault.status, authorization.presented_token(request.headers))
    else:
        error = _refusal(fault, 2 if request.path.startswith("/v2/") else 1)
    return web.json_response(error.body, status=error.status, headers=error.headers)


def _refusal(fault: Fault, version: int) -> errors.ApiError:
    if fault.kind == "rate_limit":
        return errors.too_many(fault.reason, version=version)
    if fault.kind == "lock_timeout":
        return errors.lock_timeout()
    if fault.kind == "conflict":
        return errors.idempotency_in_use("another")
    if fault.kind == "unauthorized":
        return errors.ApiError(401, "Invalid API Key provided: ****", code=fault.reason)
    return errors.server_error(fault.status)


def reset(request: web.Request) -> None:
    """Break the connection with a TCP reset, as a dying load balancer does."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Lingering for no time at all makes the close a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _broken(fault: Fault, request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send half of the answer: with the whole length announced, or as if the half were all."""
    body = response.body if isinstance(response.body, bytes) else b""
    half = body[: max(len(body) // 2, 1)]
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in ("Content-Length", "Content-Type")
    }
    if fault.kind == "invalid_json":
        return web.Response(
            status=response.status, body=half, content_type="application/json", headers=headers
        )
    stream = web.StreamResponse(status=response.status, headers=headers)
    stream.content_type = "application/json"
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(half)
    if request.transport is not None:
        request.transport.close()
    return stream
