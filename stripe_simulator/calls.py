"""One API call from its first byte to its answer: checks in order, idempotency, headers, trouble on demand."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from stripe_simulator import authorization, errors, harm, idempotency, tokens
from stripe_simulator.parameters import Parameters, json_object
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey

SIMULATOR = web.AppKey("simulator", Simulator)
DEFAULT_VERSION = "2026-10-28.endive"
# Refused before it began. What /v2 refuses has changed nothing either, so that the same call may be made again later.
NOT_REMEMBERED = (400, 404)


@dataclass
class Call:
    """A request whose key, account and permission were found good."""

    sim: Simulator
    key: ApiKey
    account: str
    """The account acted on."""
    method: str
    path: str
    version: str
    params: Parameters
    json: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    """What the path's placeholders stand for."""

    @property
    def livemode(self) -> bool:
        return self.key.livemode


Handler = Callable[[Call], dict[str, Any]]
Gate = Callable[[Simulator, ApiKey], tuple[str, ...]]
"""Names the permissions of which one is needed."""
WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def endpoint(handler: Handler, *permissions: str, gate: Gate | None = None) -> WebHandler:
    """Turn a handler into one for aiohttp that runs only after every check passed."""

    async def handle(request: web.Request) -> web.StreamResponse:
        sim = request.app[SIMULATOR]
        key = authorization.authenticate(sim, request.headers, request.remote or "127.0.0.1")
        account = authorization.acting_account(sim, key, request.headers)
        authorization.require(sim, key, gate(sim, key) if gate else permissions)
        body = await request.read()
        call = _call(sim, key, account, request, body)
        used = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        if used:
            return await _once(call, handler, request, body, used)
        await _take_time(sim, request)
        return web.json_response(handler(call))

    return handle


def _call(sim: Simulator, key: ApiKey, account: str, request: web.Request, body: bytes) -> Call:
    is_json = request.path.startswith("/v2/")
    pairs = parse_qsl(request.query_string, keep_blank_values=True)
    if not is_json:
        pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return Call(
        sim=sim,
        key=key,
        account=account,
        method=request.method,
        path=request.path,
        version=request.headers.get("Stripe-Version", DEFAULT_VERSION),
        params=Parameters(pairs),
        json=json_object(body) if is_json else {},
        parts=dict(request.match_info),
    )


async def _take_time(sim: Simulator, request: web.Request) -> None:
    """Wait where a fault has slowed the request down."""
    if "delay" in request:
        await sim.faults.wait(request["delay"])


async def _once(
    call: Call, handler: Handler, request: web.Request, body: bytes, used: str
) -> web.StreamResponse:
    replays = call.sim.replays
    scope = (call.account, call.livemode, used)
    fingerprint = idempotency.fingerprint(call.method, request.path_qs, body)
    version = call.path[1:3]
    earlier = replays.begin(scope, fingerprint, request["request_id"], now=call.sim.now(), version=version)
    if earlier is not None:
        headers = {"Idempotent-Replayed": "true", "Original-Request": earlier.request_id}
        return web.json_response(earlier.body, status=earlier.status, headers=headers)
    try:
        await _take_time(call.sim, request)
        answer = handler(call)
    except errors.ApiError as error:
        if version == "v2" or error.status in NOT_REMEMBERED:
            replays.abandon(scope)
        else:
            replays.finish(scope, error.status, error.body)
        raise
    except BaseException:
        replays.abandon(scope)
        raise
    replays.finish(scope, 200, answer)
    return web.json_response(answer)


@web.middleware
async def api_middleware(request: web.Request, handler: WebHandler) -> web.StreamResponse:
    """Give each API answer its headers, turn refusals into JSON, note the request, apply faults."""
    if not request.path.startswith(("/v1/", "/v2/")):
        return await handler(request)
    sim = request.app[SIMULATOR]
    request["request_id"] = "req_" + tokens.letters(14)
    key = sim.key_with(authorization.presented_token(request.headers))
    accounts = (key.account if key else "", authorization.named_account(request.headers))
    note = _noted(sim, request, key, accounts)
    fault = sim.faults.take(request.method, request.path, key.id if key else "", accounts)
    if fault is not None:
        note["fault"] = fault.kind
    started = time.perf_counter()
    try:
        response = await harm.around(fault, sim.faults, request, lambda: _answered(request, handler))
        note["status"] = response.status
        return response
    finally:
        note["seconds"] = round(time.perf_counter() - started, 4)


async def _answered(request: web.Request, handler: WebHandler) -> web.Response:
    try:
        response = await handler(request)
        assert isinstance(response, web.Response)  # noqa: S101 - API handlers make nothing else
    except errors.ApiError as error:
        response = web.json_response(error.body, status=error.status, headers=error.headers)
    except web.HTTPException as refusal:
        said = errors.ApiError(refusal.status, refusal.reason)
        response = web.json_response(said.body, status=said.status)
    dress(request, response)
    return response


def dress(request: web.Request, response: web.Response) -> None:
    """Add the headers that every answer of the API carries."""
    response.headers["Request-Id"] = request["request_id"]
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", DEFAULT_VERSION)
    for name in ("Idempotency-Key", "Stripe-Account"):
        if name in request.headers:
            response.headers[name] = request.headers[name]


def _noted(
    sim: Simulator, request: web.Request, key: ApiKey | None, accounts: tuple[str, str]
) -> dict[str, Any]:
    """Write a line of the request log: no key, wherever the caller may have put one, and nothing of the query."""
    note: dict[str, Any] = {
        "at": sim.now(),
        "id": request["request_id"],
        "method": request.method,
        "path": tokens.hidden(request.path),
        "key": key.id if key else None,
        "account": tokens.hidden(accounts[1] or accounts[0]) or None,
        "address": request.remote,
        "version": tokens.hidden(request.headers.get("Stripe-Version", "")) or None,
        "idempotency_key": tokens.hidden(request.headers.get("Idempotency-Key", "")) or None,
        "status": None,
    }
    sim.requests.append(note)
    sim.requests_ever += 1
    return note


async def unknown(request: web.Request) -> web.StreamResponse:
    """Answer for a path the simulator does not have, after the caller's key was found good."""
    sim = request.app[SIMULATOR]
    key = authorization.authenticate(sim, request.headers, request.remote or "127.0.0.1")
    authorization.acting_account(sim, key, request.headers)
    raise errors.unknown_url(request.method, request.path)
