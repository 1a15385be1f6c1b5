"""An event as Stripe lists it, read as strictly as a delivered one, and kept if it never came."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stripe_keys.key_shapes import holds_a_key
from webhooks import inbox, reading
from webhooks.models import EventNotification

MAY_STILL_COME = timedelta(minutes=5)


@dataclass(frozen=True)
class Listed:
    """What became of a page: how many events it held, how many were not here, and how many of those are that young.

    The delivery of a young one may be on its way; it is kept all the same, and not called missed.
    """

    events: int = 0
    missed: int = 0
    early: int = 0


def keep(
    rows: tuple[dict[str, Any], ...],
    *,
    types: frozenset[str],
    stripe_account_id: str,
    livemode: bool,
    now: datetime,
    is_dry: bool,
) -> Listed:
    """Keep what is not here yet, as part of the caller's transaction.

    What is not of these types, this mode and this account (if the list is one account's) is passed over: nobody asked
    for it.
    """
    told = [_read(row, stripe_account_id) for row in rows]
    fitting = {
        read.event_id: (read, body)
        for read, body in (each for each in told if each is not None)
        if read.type in types
        and read.livemode == livemode
        and read.stripe_account_id
        and stripe_account_id in ("", read.stripe_account_id)
    }
    here = EventNotification.objects.filter(event_id__in=fitting).values_list("event_id", flat=True)
    missing = [fitting[event_id] for event_id in fitting.keys() - set(here)]
    missing.sort(key=lambda each: each[0].stripe_created_at or now)
    new = [read for read, body in missing if is_dry or _store(read, body)]
    early = [read for read in new if read.stripe_created_at and now - read.stripe_created_at < MAY_STILL_COME]
    return Listed(events=len(fitting), missed=len(new) - len(early), early=len(early))


def _store(read: reading.Reading, body: bytes) -> bool:
    return inbox.store(read, body, secret_name="", source=EventNotification.Source.LISTED)


def _read(row: dict[str, Any], stripe_account_id: str) -> tuple[reading.Reading, bytes] | None:
    """The event with the bytes that are kept of it; None if it is none, or has a key in it.

    A list in an account's context need not repeat whose it is.
    """
    if row.get("object") != "v2.core.event":
        return None
    told = {**row, "context": row.get("context") or stripe_account_id or None}
    text = json.dumps(told, separators=(",", ":"), sort_keys=True)
    if holds_a_key(text):
        return None
    try:
        return reading.read(text.encode()), text.encode()
    except reading.UnreadableBody:
        return None
