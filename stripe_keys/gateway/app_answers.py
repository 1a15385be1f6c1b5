"""What Stripe's answers to the app's own questions mean: an object, a refusal, or nothing yet."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stripe_keys.gateway.wire import Reply

_REFUSALS = (400, 401, 403, 404)
# Words in Stripe's refusals, and what they are taken for (docs/stripe-assumptions.md).
_HINTS: dict[int, tuple[tuple[str, tuple[str, ...]], ...]] = {
    400: (
        ("permissions_refused", ("invalid permissions",)),
        ("not_installed", ("account_invalid", "revoked")),
        ("preview_refused", ("preview", "api_version", "version")),
        ("not_activated", ("activat",)),
    ),
    403: (
        ("not_installed", ("account_invalid", "revoked", "not installed")),
        ("not_activated", ("activat",)),
        ("not_approved", ("",)),
    ),
    404: (("gone", ("",)),),
}
EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# The statuses of an install. A failed uninstall leaves the app there; one that began, or never arrived, proves nothing.
INSTALLED = frozenset({"installed", "installing", "uninstall_failed"})
NOT_INSTALLED = frozenset({"install_failed", "uninstalling"})
MOST_PERMISSIONS = 200
_INSTALL_ID = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII)
_PERMISSION = re.compile(r"[a-z0-9_.]{1,80}", re.ASCII)


class StripeUnavailable(Exception):
    """Stripe did not answer the question this time; ask again later. Nothing follows from it."""


class StripeThrottled(StripeUnavailable):
    """Stripe has been asked too often: ask less for a while."""


class StripeRefused(Exception):
    """Stripe will not answer this question to us (no such thing, or not permitted); asking again does not help."""

    def __init__(self, message: str, status: int = 0, code: str = "refused") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class FetchedEvent:
    """An event as Stripe holds it now."""

    event_id: str
    type: str
    stripe_key_id: str
    new_stripe_key_id: str


@dataclass(frozen=True)
class KeyFacts:
    """What Stripe's key endpoint says of a key; moments are None where it does not."""

    is_active: bool
    expires_at: datetime | None


@dataclass(frozen=True)
class InstallFacts:
    """What Stripe says of an install of ours; whatever it does not say, or says oddly, is empty."""

    stripe_install_id: str = ""
    status: str = ""
    permissions_granted: tuple[str, ...] = ()
    permissions_pending: tuple[str, ...] = ()
    approval_required: bool = False


def read(reply: Reply) -> dict[str, Any] | StripeRefused | StripeUnavailable:
    """The object that Stripe answered with; else why there is none, in our own words: Stripe's may quote a key."""
    body = None if reply.trouble else _object_in(reply.body)
    if reply.status == 429 or (reply.status == 400 and _code_in(body) == "rate_limit"):
        return StripeThrottled("Stripe was asked too often.")
    # Whatever stands between Stripe and us may refuse as well, but not in Stripe's form.
    if reply.status in _REFUSALS and body is not None and "error" in body:
        code = _hint(reply.status, body["error"])
        return StripeRefused(f"Stripe answered {reply.status}.", reply.status, code)
    if reply.trouble or not 200 <= reply.status < 300:
        return StripeUnavailable("Stripe did not answer.")
    return StripeUnavailable("Stripe's answer was not an object.") if body is None else body


def refusal_of(status: int | None, body: object) -> StripeRefused | StripeUnavailable:
    """What a refused call of the app's means: Stripe's codes for its key endpoint are not published, so that words of
    its message are a hint where the status alone says too little.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if status == 429 or (
        status == 400 and _code_in(body if isinstance(body, dict) else None) == "rate_limit"
    ):
        return StripeThrottled("Stripe was asked too often.")
    if status not in _REFUSALS or not isinstance(error, dict):
        return StripeUnavailable("Stripe did not answer.")
    return StripeRefused(f"Stripe answered {status}.", status, _hint(status, error))


def _hint(status: int, error: object) -> str:
    """What the words of a refusal are taken for; `refused` where they say nothing that we know."""
    if not isinstance(error, dict):
        return "refused"
    said = f"{error.get('code') or ''} {error.get('message') or ''}".lower()
    known = (code for code, words in _HINTS.get(status, ()) if any(word in said for word in words))
    return next(known, "refused")


def _object_in(text: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _code_in(body: dict[str, Any] | None) -> object:
    error = body.get("error") if body else None
    return error.get("code") if isinstance(error, dict) else None


def rows_in(body: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a list; None where it is no whole one, from which nothing follows.

    What a list lacks ends installs, so one that names an error, holds what is no object, or has more and shows
    nothing is no answer.
    """
    rows, has_more = body.get("data"), body.get("has_more", False)
    if body.get("error") is not None or not isinstance(rows, list) or not isinstance(has_more, bool):
        return None
    if (has_more and not rows) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows


def install_in(row: dict[str, Any]) -> InstallFacts:
    """The facts of one install, each of a shape and a length that may be stored and shown."""
    install_id, status = row.get("id"), row.get("status")
    return InstallFacts(
        stripe_install_id=install_id
        if isinstance(install_id, str) and _INSTALL_ID.fullmatch(install_id)
        else "",
        status=status if isinstance(status, str) and status in INSTALLED | NOT_INSTALLED else "",
        permissions_granted=_permissions_in(row.get("permissions_granted")),
        permissions_pending=_permissions_in(row.get("permissions_pending")),
        approval_required=row.get("approval_required") is True,
    )


def _permissions_in(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    good = (name for name in names if isinstance(name, str) and _PERMISSION.fullmatch(name))
    return tuple(dict.fromkeys(good))[:MOST_PERMISSIONS]


def event_in(body: dict[str, Any], event_id: str) -> FetchedEvent | StripeUnavailable:
    """The event of that id, if the object is it."""
    if body.get("id") != event_id:
        return StripeUnavailable("Stripe answered another question.")
    data = body.get("data")
    details: dict[str, Any] = data if isinstance(data, dict) else {}
    return FetchedEvent(
        event_id=event_id,
        type=str(body.get("type", "")),
        stripe_key_id=str(details.get("api_key") or ""),
        new_stripe_key_id=str(details.get("new_api_key") or ""),
    )


def facts_in(body: dict[str, Any], stripe_key_id: str) -> KeyFacts | StripeUnavailable:
    """The facts of the key of that id, if the object is it."""
    if body.get("id") != stripe_key_id:
        return StripeUnavailable("Stripe answered another question.")
    return KeyFacts(is_active=body.get("status") == "active", expires_at=moment_in(body.get("expires_at")))


def moment_in(value: object) -> datetime | None:
    """Unix seconds or ISO 8601; None for anything that is not a moment of this century."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except (ValueError, OverflowError, OSError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if EARLIEST < moment < LATEST else None
