"""How the body of a verified delivery is read: strictly, for a signature proves who sent it, not that it is sane."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webhooks.hiding import may_hold_a_key

DEEPEST = 64
LONGEST_NUMBER = 20
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,200}", re.ASCII)
_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,200}", re.ASCII)
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)
_CONTEXT = re.compile(r"[A-Za-z0-9_]{1,80}(?:/[A-Za-z0-9_]{1,80}){0,2}", re.ASCII)
_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^"\[\]{}]+')
_EARLIEST, _LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class UnreadableBody(Exception):
    """The body is not an event; the reason is for our logs."""


@dataclass(frozen=True)
class Reading:
    """What a body says about itself. Only ids and names of the expected form are taken over; the rest is empty."""

    event_id: str
    type: str
    is_snapshot: bool
    livemode: bool | None
    stripe_account_id: str
    context: str
    has_odd_context: bool
    stripe_created_at: datetime | None


def read(body: bytes) -> Reading:
    """What the event in `body` says about itself.

    Raises:
        UnreadableBody: not strict JSON in UTF-8, too deep, or no object with a fitting `id` and `type`.
    """
    told = parse(body)
    event_id, kind = told.get("id"), told.get("type")
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id) or may_hold_a_key(event_id):
        raise UnreadableBody("id")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind) or may_hold_a_key(kind):
        raise UnreadableBody("type")
    is_snapshot = told.get("object") == "event"
    context = _context(told.get("context"))
    livemode = told.get("livemode")
    return Reading(
        event_id=event_id,
        type=kind,
        is_snapshot=is_snapshot,
        livemode=livemode if isinstance(livemode, bool) else None,
        stripe_account_id=_account_of_snapshot(told, kind) if is_snapshot else _account_in(context),
        context=context,
        has_odd_context=bool(told.get("context")) and not context,
        stripe_created_at=_moment(told.get("created")),
    )


def parse(body: bytes | str, *, may_repeat: bool = False) -> dict[str, Any]:
    """The object in `body`, by a stricter JSON than Python's: no NaN, no key twice, nothing deep, no giant numbers.

    A key may come twice (`may_repeat`) in what was masked, as different ones may look alike then; the last one counts.

    Raises:
        UnreadableBody: it is anything else.
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        told = json.loads(
            text,
            object_pairs_hook=None if may_repeat else _without_doubles,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as problem:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise UnreadableBody(type(problem).__name__) from None
    if not isinstance(told, dict):
        raise UnreadableBody("not an object")
    if text.count("{") + text.count("[") > DEEPEST and _is_too_deep(text):
        raise UnreadableBody("too deep")
    return told


def object_of(told: dict[str, Any]) -> dict[str, Any]:
    """The object that a snapshot event carries in `data.object`; empty if it carries none."""
    data = told.get("data")
    carried = data.get("object") if isinstance(data, dict) else None
    return carried if isinstance(carried, dict) else {}


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a key twice")
    return told


def _int(digits: str) -> int:
    if len(digits.lstrip("-")) > LONGEST_NUMBER:
        raise ValueError("a giant number")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("an infinite number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _is_too_deep(text: str) -> bool:
    """Whether the JSON in `text` has more than DEEPEST levels: of its brackets alone, the innermost are taken away."""
    brackets = _NO_BRACKETS.sub("", text).replace("{", "[").replace("}", "]")
    for _ in range(DEEPEST):
        brackets = brackets.replace("[]", "")
        if not brackets:
            return False
    return True


def _context(value: object) -> str:
    if not isinstance(value, str) or not _CONTEXT.fullmatch(value) or may_hold_a_key(value):
        return ""
    return value


def _account_in(context: str) -> str:
    """The last segment of a context names the account that the event is about."""
    last = context.rpartition("/")[2]
    return last if _ACCOUNT.fullmatch(last) else ""


def _account_of_snapshot(told: dict[str, Any], kind: str) -> str:
    """A snapshot's `context` may name another account than the merchant's, so it is never asked.

    An event about an install may reach us as the app's developer, without `account`; then the install names it.
    """
    account = told.get("account")
    if account is None and kind.startswith("apps.install."):
        account = object_of(told).get("account")
    return account if isinstance(account, str) and _ACCOUNT.fullmatch(account) else ""


def _moment(value: object) -> datetime | None:
    """Unix seconds (v1) or ISO 8601 (v2); None for anything that is not a moment of this century."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        # In UTC, as PostgreSQL takes no offset of sixteen hours or with a part of a second.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if _EARLIEST < moment < _LATEST else None
