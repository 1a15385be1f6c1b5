"""Deliveries as Stripe makes them: bodies of one size, signed, and ready to be written to a socket."""

import hmac
import json
import secrets
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

_PADDING = "Some words of a merchant about something that was sold. "
SNAPSHOT_BYTES = 2048


def snapshots(count: int, accounts: list[str]) -> list[bytes]:
    """So many v1 events, each with an id of its own, about these accounts in turn."""
    return [_snapshot(account) for account in _in_turn(accounts, count)]


def notifications(count: int, accounts: list[str]) -> list[bytes]:
    """So many thin notifications that a key was updated."""
    return [_notification(account) for account in _in_turn(accounts, count)]


def _in_turn(accounts: list[str], count: int) -> Iterator[str]:
    return (accounts[number % len(accounts)] for number in range(count))


def _snapshot(account: str) -> bytes:
    event: dict[str, Any] = {
        "id": f"evt_1{secrets.token_hex(12)}",
        "object": "event",
        "account": account,
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {
            "object": {
                "id": "ca_1BenchBenchBench",
                "object": "application",
                "metadata": {f"part_{number}": _PADDING for number in range(20)},
                "name": "",
            }
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "account.application.authorized",
    }
    named = event["data"]["object"]
    named["name"] = "x" * (SNAPSHOT_BYTES - len(json.dumps(event)))
    return json.dumps(event).encode()


def _notification(account: str) -> bytes:
    event = {
        "id": f"evt_test_{secrets.token_hex(12)}",
        "object": "v2.core.event",
        "type": "v2.iam.api_key.updated",
        "livemode": False,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "context": account,
        "reason": None,
    }
    return json.dumps(event).encode()


def as_requests(bodies: list[bytes], *, path: str, host: str, secret: str) -> list[bytes]:
    """Each body as the HTTP request that Stripe would send now."""
    moment = str(int(time.time()))
    return [_request(body, path, host, _signature(body, moment, secret)) for body in bodies]


def _signature(body: bytes, moment: str, secret: str) -> str:
    made = hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    return f"t={moment},v1={made}"


def _request(body: bytes, path: str, host: str, signature: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept: */*; q=0.5, application/xml",
        "Cache-Control: no-cache",
        "Content-Type: application/json; charset=utf-8",
        f"Stripe-Signature: {signature}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
