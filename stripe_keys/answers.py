"""What every answer of Stripe's means for the key that asked: the one place that decides it.

Nothing here knows the SDK. A verdict rests on status and code; the message only enriches (which account, which key id,
which permission), because its wording is not versioned. No text of Stripe's leaves this module.
Source: https://docs.stripe.com/error-codes, and `docs/stripe-assumptions.md` for what is not documented.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)
_ACCOUNT_IN_TEXT = re.compile(r"account '(acct_[A-Za-z0-9]{8,64})'", re.ASCII)
_KEY_ID_IN_TEXT = re.compile(r"apikeys(?:%2F|/)(mk_[A-Za-z0-9]{8,100})", re.ASCII)
_PERMISSION_IN_TEXT = re.compile(r"\('([a-z0-9_]{3,80})'\)|'rak_([a-z0-9_]{3,80})'", re.ASCII)
_ABOUT_THE_ACCOUNT = ("account_invalid", "platform_account_required")


class Answer(StrEnum):
    """What one answer of Stripe's means for the key that asked."""

    GRANTED = "granted"
    MISSING_PERMISSION = "missing_permission"
    UNCLEAR = "unclear"
    """Stripe accepts the key and refuses this request, without saying that the permission asked about is why."""
    REFUSED = "refused"
    EXPIRED = "expired"
    ADDRESS_REFUSED = "address_refused"
    UNKNOWN = "unknown"
    """No answer that means anything: ask again later; nothing follows from it."""


ALIVE = (Answer.GRANTED, Answer.MISSING_PERMISSION, Answer.UNCLEAR)
DEAD = (Answer.REFUSED, Answer.EXPIRED)
THROTTLED_PROBLEMS = frozenset({"rate_limited", "locked", "conflict"})


@dataclass(frozen=True)
class Finding:
    """One request's answer, and whom it named: account and key ids are empty where Stripe did not say."""

    answer: Answer
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""


def of_success(body: object, *, livemode: bool | None = None) -> Finding:
    """What a 200 means; `body` is the parsed JSON, `livemode` the mode of the key that asked."""
    if not isinstance(body, dict) or not isinstance(body.get("object"), str) or "error" in body:
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    said = body.get("livemode")
    if isinstance(said, bool) and livemode is not None and said is not livemode:
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")  # not an answer to this key
    named = body.get("id")
    is_account = body["object"] == "account" and isinstance(named, str) and ACCOUNT_ID.fullmatch(named)
    return Finding(Answer.GRANTED, stripe_account_id=str(named) if is_account else "")


def of_refusal(
    status: int | None, body: object, *, asked: str = "", may_need: tuple[str, ...] = ()
) -> Finding:
    """What an answer other than 200 means.

    `asked` is the permission that the request was made to prove; `may_need` are others whose absence Stripe is known to
    name for the same request, so that `asked` itself is not known to be missing.
    """
    error = _error_of(body)
    passing = _problem_of_the_moment(status, error)
    if passing or status is None:
        return Finding(Answer.UNKNOWN, problem=passing or "unreadable_answer")
    if status == 401:
        return _of_401(error)
    if status == 403:
        return _of_403(error, asked, may_need)
    # Stripe looks at permission before it looks for the object: a well-formed 400 or 404 has passed that test.
    is_past_permission = status in (400, 402, 404) and error.get("code") not in _ABOUT_THE_ACCOUNT
    return (
        Finding(Answer.GRANTED)
        if is_past_permission
        else Finding(Answer.UNKNOWN, problem="unreadable_answer")
    )


def _problem_of_the_moment(status: int | None, error: Mapping[str, Any]) -> str:
    """What kept Stripe from answering this time; empty if it did answer."""
    if error.get("code") == "lock_timeout":
        return "locked"
    if status == 429 or error.get("code") == "rate_limit":
        return "rate_limited"
    if status == 409:
        return "conflict"
    if status is not None and status >= 500:
        return "stripe_error"
    return "" if error else "unreadable_answer"


def of_silence(*, timed_out: bool = False) -> Finding:
    """What it means that no whole answer came: a time-out before or after sending, a reset, a cut-off body."""
    return Finding(Answer.UNKNOWN, problem="timed_out" if timed_out else "no_connection")


def _error_of(body: object) -> Mapping[str, Any]:
    inner = body.get("error") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _of_401(error: Mapping[str, Any]) -> Finding:
    if error.get("code") == "api_key_expired":
        return Finding(Answer.EXPIRED, problem="key_expired")
    if "your IP address" in str(error.get("message", "")):
        return Finding(Answer.ADDRESS_REFUSED, problem="address_refused")
    return Finding(Answer.REFUSED, problem="key_refused")


def _of_403(error: Mapping[str, Any], asked: str, may_need: tuple[str, ...]) -> Finding:
    if error.get("code") in _ABOUT_THE_ACCOUNT:
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    message = str(error.get("message", ""))
    account, key_id = _ACCOUNT_IN_TEXT.search(message), _KEY_ID_IN_TEXT.search(message)
    named = {one or older for one, older in _PERMISSION_IN_TEXT.findall(message)}
    is_about_it = asked in named or not (may_need or asked) or (not named and not may_need)
    return Finding(
        Answer.MISSING_PERMISSION if is_about_it else Answer.UNCLEAR,
        stripe_account_id=account[1] if account else "",
        stripe_key_id=key_id[1] if key_id else "",
    )
