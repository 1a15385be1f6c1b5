"""What every answer of Stripe's means for the key that asked: the one place that decides it.

Nothing here knows the SDK. A verdict rests on status and code. The message only enriches (which account, which key id,
which permission) or makes a verdict less certain, because its wording is not versioned. No text of Stripe's leaves this
module.
Source: https://docs.stripe.com/error-codes, and `docs/stripe-assumptions.md` for what is not documented.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)
# Ids and names stand between quotes of any kind, or behind a backslash where a message was quoted once more.
_ACCOUNT_IN_TEXT = re.compile(r"\baccount[\s\\'\"`‘“]{1,9}(acct_[A-Za-z0-9]{8,64})", re.ASCII)
_ACCOUNT_IN_LINK = re.compile(r"/b/(acct_[A-Za-z0-9]{8,64})", re.ASCII)
_KEY_ID_IN_TEXT = re.compile(r"apikeys(?:%2F|%252F|\\?/)(mk_[A-Za-z0-9]{8,100})", re.ASCII | re.IGNORECASE)
_PERMISSION_IN_TEXT = re.compile(
    r"(?<![A-Za-z0-9_])(?:rak_)?([a-z][a-z0-9_]{1,80}_(?:read|write))(?![A-Za-z0-9_])", re.ASCII
)
_LONGEST_MESSAGE = 4000
_MORE_PERMISSIONS = "more_permissions_required"
# Refusals that speak of an account or of another key than the one that asked; none of these ends a key.
_ABOUT_THE_ACCOUNT = ("account_invalid", "platform_account_required")
NOT_ITS_ACCOUNT = "not_its_account"
_OVER = "api_key_expired"
_ABOUT_ANOTHER_KEY = ("platform_api_key_expired", "secret_key_required")
_ABOUT_THE_MODE = ("livemode_mismatch", "testmode_charges_only")
# Kinds of errors that Stripe makes only after it has looked at permission.
_KINDS_PAST_PERMISSION = ("invalid_request_error", "card_error")


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
ACCEPTED = (*ALIVE, Answer.ADDRESS_REFUSED)
DEAD = (Answer.REFUSED, Answer.EXPIRED)
THROTTLED_PROBLEMS = frozenset({"rate_limited", "locked", "conflict"})


@dataclass(frozen=True)
class Finding:
    """One request's answer, and whom it named: account and key ids are empty where Stripe did not say."""

    answer: Answer
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""


def _unknown(problem: str = "unreadable_answer") -> Finding:
    return Finding(Answer.UNKNOWN, problem=problem)


def of_success(
    body: object, *, status: int = 200, livemode: bool | None = None, expects: str = ""
) -> Finding:
    """What an answer means that is no refusal; `body` is the parsed JSON.

    `livemode` is the mode of the key that asked. `expects` is what was asked for: `account`, `list`, or empty for
    anything else.
    """
    if status != 200 or not isinstance(body, dict) or "error" in body:
        return _unknown()
    is_list = isinstance(body.get("data"), list)
    kind = body.get("object")
    if not isinstance(kind, str) and not is_list:  # lists of v2 do not say what they are
        return _unknown()
    said = body.get("livemode")
    if isinstance(said, bool) and livemode is not None and said is not livemode:
        return _unknown("not_about_this_key")
    named = body.get("id")
    account = named if kind == "account" and isinstance(named, str) and ACCOUNT_ID.fullmatch(named) else ""
    if (expects == "account" and not account) or (expects == "list" and not is_list):
        return _unknown()
    return Finding(Answer.GRANTED, stripe_account_id=account)


def of_refusal(
    status: int | None,
    body: object,
    *,
    asked: str = "",
    also_called: str = "",
    may_need: tuple[str, ...] = (),
    asks_whose: bool = False,
) -> Finding:
    """What an answer other than 200 means.

    `asked` is the permission that the request was made to prove, `also_called` Stripe's older word for it; `may_need`
    are others whose absence Stripe is known to name for the same request, so that `asked` itself is not known to be
    missing. With `asks_whose` the question was whose key it is: nothing but 200 and 403 answers that.
    """
    error = _error_of(body)
    passing = _problem_of_the_moment(status, error)
    if passing or status is None:
        return _unknown(passing or "unreadable_answer")
    if status == 401:
        return _of_401(error)
    if status == 403:
        return _of_403(error, {asked, also_called} - {""}, may_need)
    if status in (400, 402, 404) and not asks_whose:
        return _of_a_look_past_permission(error)
    return _unknown("account_refused" if _code(error) in _ABOUT_THE_ACCOUNT else "unreadable_answer")


def of_refused_claim(body: object, finding: Finding) -> Finding:
    """What a refusal means where the request named the account that the key is said to be of.

    `finding` is what it would mean without that. Only Stripe's `account_invalid` denies it. That keys like this one may
    name no account at all says nothing about which one it is.
    """
    code = _code(_error_of(body))
    if code == "account_invalid":
        return Finding(Answer.UNCLEAR, problem=NOT_ITS_ACCOUNT)
    return Finding(Answer.UNCLEAR) if code == "platform_account_required" else finding


def of_silence(*, timed_out: bool = False) -> Finding:
    """What it means that no whole answer came: a time-out before or after sending, a reset, a cut-off body."""
    return _unknown("timed_out" if timed_out else "no_connection")


def of_rubbish() -> Finding:
    """What it means that something came which is no answer of Stripe's API: a redirect, a page, broken JSON."""
    return _unknown()


def _error_of(body: object) -> Mapping[str, Any]:
    """Stripe's error in `body`; empty if it is not one of Stripe's, which always have a type."""
    inner = body.get("error") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) and isinstance(inner.get("type"), str) else {}


def _code(error: Mapping[str, Any]) -> str:
    code = error.get("code")
    return code if isinstance(code, str) else ""


def _message(error: Mapping[str, Any]) -> str:
    return str(error.get("message", ""))[:_LONGEST_MESSAGE]


def _problem_of_the_moment(status: int | None, error: Mapping[str, Any]) -> str:
    """What kept Stripe from answering this time; empty if it did answer."""
    if _code(error) == "lock_timeout":
        return "locked"
    if (
        status == 429
        or _code(error) == "rate_limit"
        or error.get("type") in ("rate_limit", "rate_limit_error")
    ):
        return "rate_limited"
    if status == 409:
        return "conflict"
    if (status is not None and status >= 500) or error.get("type") == "api_error":
        return "stripe_error"
    return "" if error else "unreadable_answer"


def _of_401(error: Mapping[str, Any]) -> Finding:
    code, message = _code(error), _message(error).lower()
    if code == _OVER:
        return Finding(Answer.EXPIRED, problem="key_expired")
    if code in _ABOUT_THE_ACCOUNT:
        return _unknown("account_refused")
    if code in (*_ABOUT_ANOTHER_KEY, *_ABOUT_THE_MODE) or "did not provide an api key" in message:
        return _unknown("not_about_this_key")  # the last: something between Stripe and us took the key away
    if "ip address" in message:
        return Finding(Answer.ADDRESS_REFUSED, problem="address_refused")
    return Finding(Answer.REFUSED, problem="key_refused")


def _of_403(error: Mapping[str, Any], asked: set[str], may_need: tuple[str, ...]) -> Finding:
    code, message = _code(error), _message(error)
    if code in _ABOUT_THE_ACCOUNT:
        return _unknown("account_refused")  # the account that its text names need not be the key's own
    if code in ("platform_api_key_expired", _OVER):
        return _unknown("not_about_this_key")
    return Finding(
        Answer.MISSING_PERMISSION if _is_missing(code, message, asked, may_need) else Answer.UNCLEAR,
        stripe_account_id=_only(_ACCOUNT_IN_TEXT.findall(message)),
        stripe_key_id=_key_id_in(message),
    )


def _key_id_in(message: str) -> str:
    """The id in the link to the page for the key's permissions; none where that page is of another account."""
    accounts = {*_ACCOUNT_IN_TEXT.findall(message), *_ACCOUNT_IN_LINK.findall(message)}
    return _only(_KEY_ID_IN_TEXT.findall(message)) if len(accounts) < 2 else ""


def _is_missing(code: str, message: str, asked: set[str], may_need: tuple[str, ...]) -> bool:
    """Whether a 403 proves that `asked` is missing: it names it, or it speaks of permissions and names none at all."""
    named = set(_PERMISSION_IN_TEXT.findall(message))
    if not asked or named:
        return bool(asked & named)
    words = message.lower()
    if may_need or "not available for use by restricted keys" in words or "this application" in words:
        return False  # another permission, none that exists, or one of the app's and not of the key's
    return code == _MORE_PERMISSIONS or "permission" in words


def _of_a_look_past_permission(error: Mapping[str, Any]) -> Finding:
    """What a 400, 402 or 404 means: Stripe looks at permission before it looks at the request and for the object."""
    code = _code(error)
    if code in _ABOUT_THE_ACCOUNT:
        return _unknown("account_refused")
    if code == _OVER:
        return _unknown("not_about_this_key")  # Stripe says so of the key that asks with 401 only
    if code in (*_ABOUT_ANOTHER_KEY, *_ABOUT_THE_MODE) or error["type"] not in _KINDS_PAST_PERMISSION:
        return Finding(Answer.UNCLEAR)
    is_no_address = "unrecognized request url" in _message(error).lower()
    return Finding(Answer.UNCLEAR if is_no_address else Answer.GRANTED)


def _only(found: list[str]) -> str:
    """The one id that a text names; empty if it names none, or several."""
    return found[0] if len(set(found)) == 1 else ""
