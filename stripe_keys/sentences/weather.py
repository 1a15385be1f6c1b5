"""What merchants read while Stripe does not answer: checks are put off, and nothing is wrong with their key."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from stripe_keys import incidents, pace, sentences
from stripe_keys.endings import written
from stripe_keys.models import RestrictedKey, Validation
from stripe_keys.sentences.notices import Notice
from stripe_keys.sentences.problems import PROBLEMS

# What single checks stumbled over; where the whole is told, they would only repeat it.
_PASSING = ("locked", "conflict", "stripe_error", "timed_out", "rate_limited", "no_connection", "unreadable_answer",
            "no_answer")  # fmt: skip
_REPEATED = {PROBLEMS[problem][1] for problem in _PASSING}
_DOWN = "Stripe does not answer at the moment"
_ALONE = "Stripe did not answer our last questions about this key"
_ANY_MOMENT = timedelta(minutes=2)
_STORED = "Your key is stored, encrypted, and is checked {when}. There is nothing for you to do."
_REFUSED = ("key_refused", "refused_with_many")
_KEPT = "Nothing is wrong with your key: it keeps its status, and there is nothing for you to do."


def over_all_keys() -> Notice | None:
    """What to say above the list of keys; None while Stripe answers."""
    if incidents.open_now(incidents.Kind.OUTAGE) is None:
        return None
    return Notice(
        "info",
        _DOWN,
        (
            "Checks are put off until it does. Nothing is wrong with your keys: each keeps its status. A key that you "
            "paste now is stored and checked as soon as Stripe answers again."
        ),
    )


def told_first(
    notices: Sequence[Notice], key: RestrictedKey, check: Validation | None, now: datetime
) -> list[Notice]:
    """`notices` about `key`, after what keeps it from being checked at the moment; `check` is the one that waits."""
    notice = _over(key, check, now) if key.is_kept and key.quarantined_at is None else None
    if notice is None:
        return list(notices)
    return [notice, *(one for one in notices if one.title not in _REPEATED)]


def headline(key: RestrictedKey, notices: Sequence[Notice]) -> str:
    """One sentence on where `key` stands: what the last check found out, and not what an earlier one did.

    A new key is not being asked about while it has to wait.
    """
    if key.is_usable and key.last_problem in _REFUSED:
        return "Stripe refused this key when we last asked. It keeps its status until we know more."
    if key.status == RestrictedKey.Status.PENDING and any(one.title in (_DOWN, _ALONE) for one in notices):
        return "The key is stored, encrypted, and not in use until it is proven."
    return sentences.headline(key)


def mark(notices: Sequence[Notice]) -> str:
    """A short text that changes when the notices do."""
    return f"{zlib.crc32(repr(list(notices)).encode()):x}"


def _over(key: RestrictedKey, check: Validation | None, now: datetime) -> Notice | None:
    is_new = key.status == RestrictedKey.Status.PENDING
    if incidents.open_now(incidents.Kind.OUTAGE) is not None:
        put_off = "Checks are put off until it does."
        text = _STORED.format(when="as soon as Stripe answers again") if is_new else f"{put_off} {_KEPT}"
        return Notice("info", _DOWN, text)
    until = pace.closed_until(key, now)
    if until is None and not pace.is_in_trouble(key):
        return None  # between two tries it is said as well: else the page would say this and that by turns
    next_try = max(until or now, check.due_at if check is not None else now)
    when = "comes soon" if next_try - now < _ANY_MOMENT else f"is on {written(next_try)}"
    text = f"So we leave your account alone between tries, longer each time. The next try {when}. "
    return Notice(
        "info",
        _ALONE,
        text + (_STORED.format(when="then") if is_new else _KEPT),
    )
