"""Write down what the partner's own systems are to be told, as part of the transaction in which it happened."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from stripe_keys.models import OutgoingMessage, RestrictedKey, StatusChange
from stripe_keys.outgoing import endpoints
from work import bell

QUEUE = "outgoing"
PRIORITY = 70
VERSION = 1
EXPIRING = "restricted_key.expiring"
SUSPENDED, RESUMED, UNREADABLE = (
    "restricted_key.suspended",
    "restricted_key.resumed",
    "restricted_key.unreadable",
)
TEST = "endpoint.test"
# At most so many messages are on their way to one endpoint, over all workers: the engine works on one row per lane.
LANES = 4
_Status = RestrictedKey.Status
_REASONS = {
    _Status.ACTIVE: "proven",
    _Status.LIMITED: "permissions_incomplete",
    _Status.REJECTED: "not_usable",
    _Status.EXPIRED: "key_expired",
    _Status.REPLACED: "newer_key",
    _Status.REMOVED: "removed",
}


def tell_move(key: RestrictedKey, change: StatusChange, *, code: str = "") -> None:
    """Tell every endpoint that `key` has moved, as `change` says; `code` says why, in one of our own words.

    Inside the transaction of the move; nothing happens where no endpoint is configured.
    """
    if not endpoints.configured():
        return
    change.refresh_from_db(fields=["at"])
    to = _Status(change.to_status)
    tell(
        key,
        f"restricted_key.{to}",
        change=change,
        occurred_at=change.at,
        from_status=change.from_status,
        to_status=change.to_status,
        reason_code=code or _REASONS[to],
        # What a merchant merely said of a key that never served must not reach systems that go by account.
        stripe_account_id=key.stripe_account_id if {change.from_status, to} & set(key.USABLE) else "",
    )


def tell_ending(key: RestrictedKey, *, code: str) -> None:
    """Tell every endpoint what Stripe has said of the end of `key`, which still serves: when, if that is known.

    `code` says what was said: rotated, expiry_announced or expiry_withdrawn. Of keys that do not serve nothing is told.
    """
    if key.status in key.USABLE:
        tell(key, EXPIRING, reason_code=code, successor_stripe_key_id=key.successor_stripe_key_id)


def tell_standing(key: RestrictedKey, type_: str, change: StatusChange, *, code: str) -> None:
    """Tell every endpoint that `key`, whose status stays as it is, is withheld from now on, or is not any more.

    `change` is the line of its history that says so, `code` why. Of keys that do not serve nothing is told.
    """
    if key.status in key.USABLE and endpoints.configured():
        change.refresh_from_db(fields=["at"])
        tell(key, type_, change=change, occurred_at=change.at, reason_code=code)


def tell(
    key: RestrictedKey,
    type_: str,
    *,
    change: StatusChange | None = None,
    occurred_at: datetime | None = None,
    **data: Any,
) -> None:
    """Tell every endpoint something about `key`, once the caller's transaction is committed.

    `data` is added to what every message says of its key, or replaces it. It may hold ids, our own words and moments:
    never a key, a person's name or an address, and no text from outside.
    """
    names = endpoints.configured()
    if not names:
        return
    moment = occurred_at or timezone.now()
    about = {
        "change_id": change.pk if change else None,
        "key_id": str(key.pk),
        "merchant_id": str(key.merchant_id),
        "stripe_account_id": key.stripe_account_id,
        "stripe_account_is_proven": bool(key.stripe_account_id) and not key.account_is_claimed,
        "stripe_key_id": key.stripe_key_id,
        "livemode": key.livemode,
        "purpose": key.purpose,
        "status": key.status,
        "is_suspended": key.suspended_at is not None,
        "is_unreadable": key.quarantined_at is not None,
        "expires_at": key.expires_at,
        **data,
    }
    if not about["stripe_account_id"]:
        about["stripe_account_is_proven"] = False
    body = _body(type_, moment, about)
    _write(list(names), type_, body, change=change, lane=key.merchant_id.int % LANES)


def tell_test(name: str) -> OutgoingMessage:
    """Write a message that says nothing, for the endpoint of that name alone, and return its row."""
    body = _body(TEST, timezone.now(), {"endpoint": name})
    return _write([name], TEST, body, change=None, lane=0, priority=10)[0]


def lane_of(name: str, number: int) -> str:
    """One of the lanes of an endpoint."""
    return f"{name}/{number}"


def _write(
    names: list[str],
    type_: str,
    body: str,
    *,
    change: StatusChange | None,
    lane: int,
    priority: int = PRIORITY,
) -> list[OutgoingMessage]:
    message_id = f"msg_{uuid.uuid4().hex}"
    rows = OutgoingMessage.objects.bulk_create(
        OutgoingMessage(
            message_id=message_id,
            endpoint=name,
            type=type_,
            body=body,
            change=change,
            lane=lane_of(name, lane),
            priority=priority,
        )
        for name in names
    )
    for row in rows:
        bell.ring_on_commit(QUEUE, row.lane, priority=priority)
    return rows


def _body(type_: str, moment: datetime, data: dict[str, Any]) -> str:
    """What is signed and sent: the envelope that Standard Webhooks recommends; an empty text is said as null."""
    told = {name: _plain(value) for name, value in data.items()}
    return json.dumps(
        {"type": type_, "timestamp": _plain(moment), "version": VERSION, "data": told}, separators=(",", ":")
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return None if value == "" else value
