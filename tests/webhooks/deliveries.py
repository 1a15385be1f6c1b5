"""Deliveries as Stripe makes them, and as nobody should."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any, BinaryIO

from django.conf import settings
from django.test import Client

from tests.people import some_letters

ADDRESS = "/webhooks/stripe/"
JSON = "application/json; charset=utf-8"


def an_event_id() -> str:
    """An id that no event has yet."""
    return f"evt_test_{some_letters(24)}"


def an_account_id() -> str:
    """An account that nobody knows."""
    return f"acct_{some_letters(16)}"


def a_notification(**changes: Any) -> dict[str, Any]:
    """A thin notification of a key's change; `changes` replace members."""
    return {
        "id": an_event_id(),
        "object": "v2.core.event",
        "type": "v2.iam.api_key.updated",
        "livemode": False,
        "created": "2026-11-21T10:00:00.000Z",
        "context": an_account_id(),
        "reason": None,
        **changes,
    }


def a_snapshot(**changes: Any) -> dict[str, Any]:
    """A v1 event of a Connect account; `changes` replace members."""
    return {
        "id": an_event_id(),
        "object": "event",
        "type": "account.application.deauthorized",
        "api_version": "2026-10-28.endive",
        "livemode": False,
        "created": 1_795_255_200,
        "account": an_account_id(),
        "context": "acct_1PlatformTests00",
        "data": {"object": {"id": "ca_SimulatedPartnerApp", "object": "application", "name": "App"}},
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        **changes,
    }


def encoded(event: dict[str, Any]) -> bytes:
    """The event as it travels."""
    return json.dumps(event).encode()


def the_secret() -> str:
    """The signing secret that the tests' environment was given."""
    return str(settings.STRIPE_WEBHOOK_SECRETS[0]).partition(":")[2]


def signature(body: bytes, *, secret: str = "", moment: str = "") -> str:
    """One signature, in hexadecimal."""
    return hmac.new((secret or the_secret()).encode(), moment.encode() + b"." + body, sha256).hexdigest()


def now(drift: int = 0) -> str:
    """The present moment as a header writes it, or one `drift` seconds from it."""
    return str(int(time.time()) + drift)


def header_for(body: bytes, *, secret: str = "", age: int = 0) -> str:
    """The header that Stripe would send with `body`, `age` seconds ago."""
    moment = now(-age)
    return f"t={moment},v1={signature(body, secret=secret, moment=moment)}"


def deliver(
    body: bytes,
    *,
    header: str | None = None,
    address: str = ADDRESS,
    stream: BinaryIO | None = None,
    **environ: str,
) -> Any:
    """Post `body`, signed unless another `header` is given, and return the answer.

    `environ` is laid over the request's WSGI environment; a `stream` stands in for what the body is read from.
    """
    environ.setdefault("HTTP_STRIPE_SIGNATURE", header_for(body) if header is None else header)
    environ.setdefault("CONTENT_TYPE", JSON)
    laid_over: dict[str, Any] = {**environ, **({"wsgi.input": stream} if stream else {})}
    client = Client(enforce_csrf_checks=True)
    return client.post(address, data=body, content_type=laid_over.pop("CONTENT_TYPE"), **laid_over)


def deliver_event(event: dict[str, Any]) -> Any:
    """Post a well-signed event."""
    return deliver(encoded(event))
