"""How a request that was made with a key ended, in one word."""

import json

from stripe_keys.gateway import answers
from stripe_keys.gateway.answers import THROTTLED_PROBLEMS, Answer
from stripe_keys.models import KeyUsage

Outcome = KeyUsage.Outcome
REFUSALS = (401, 403)
NEEDS_A_LOOK = (Outcome.FORBIDDEN, Outcome.UNAUTHORIZED)
_BY_STATUS = {
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    409: Outcome.THROTTLED,
    429: Outcome.THROTTLED,
}
_BY_ANSWER = {
    Answer.MISSING_PERMISSION: Outcome.FORBIDDEN,
    Answer.UNCLEAR: Outcome.FORBIDDEN,
    Answer.REFUSED: Outcome.UNAUTHORIZED,
    Answer.EXPIRED: Outcome.UNAUTHORIZED,
    Answer.ADDRESS_REFUSED: Outcome.UNAUTHORIZED,
}


def outcome_of(status: int | None, refusal: bytes | None = None) -> str:
    """The outcome of a request that was answered with `status`; None where no whole answer came.

    `refusal` is the body of a 401 or 403, None where it was not read. One that is not Stripe's (a proxy's page) is no
    answer; a 403 about the account that the request named says nothing about the key: the request was wrong.
    """
    if status is None or status >= 500 or 300 <= status < 400:
        return Outcome.NO_ANSWER
    if status < 300:
        return Outcome.OK
    if status in REFUSALS and refusal is not None:
        return _of_refusal(status, refusal)
    return _BY_STATUS.get(status, Outcome.INVALID)


def _of_refusal(status: int, refusal: bytes) -> str:
    try:
        body = json.loads(refusal)
    except (ValueError, RecursionError):
        return Outcome.NO_ANSWER
    finding = answers.of_refusal(status, body)
    if finding.answer in _BY_ANSWER:
        return _BY_ANSWER[finding.answer]
    if finding.problem in THROTTLED_PROBLEMS:
        return Outcome.THROTTLED
    is_stripes = isinstance(body, dict) and isinstance(body.get("error"), dict)
    return Outcome.INVALID if is_stripes else Outcome.NO_ANSWER
