"""What each answer of Stripe's means, by status, code and text alone."""

import re
from pathlib import Path
from typing import Any

import pytest

from stripe_keys import catalogue, inspection
from stripe_keys.gateway import answers
from stripe_keys.gateway.answers import Answer, Finding
from stripe_keys.inspection import Inspection, first_impression
from stripe_keys.models import RestrictedKey
from stripe_keys.sentences import PROBLEM_CODES

ACCOUNT, KEY_ID = "acct_1Abcdefgh23456789", "mk_1Abcdefgh23456789"
GRANTED, MISSING, UNCLEAR, UNKNOWN = (
    Answer.GRANTED,
    Answer.MISSING_PERMISSION,
    Answer.UNCLEAR,
    Answer.UNKNOWN,
)


def error(message: str = "Some words.", *, kind: str = "invalid_request_error", **more: Any) -> object:
    """A refusal in Stripe's envelope."""
    return {"error": {"type": kind, "message": message, **more}}


NEEDS = "does not have the required permissions for this endpoint on account"
FULL_2026 = (
    f"Permission denied. The provided key 'rk_test_...tdxQ' {NEEDS} '{ACCOUNT}'. Enabling Webhook Endpoints, Event "
    "Destinations Read ('webhook_read') permissions on this key would allow this request to continue. You can edit "
    f"permissions at https://dashboard.stripe.com/b/{ACCOUNT}?destination=%2Ftest%2Fapikeys%2F{KEY_ID}%2Fedit"
)


@pytest.mark.parametrize(
    "text",
    [
        FULL_2026,
        FULL_2026.replace("'", '"'),
        FULL_2026.replace("'", "\\'"),
        FULL_2026.replace("'", '\\"'),
        FULL_2026.replace("%2F", "/"),
        FULL_2026.replace("%2F", "%2f"),
        FULL_2026.replace("%2F", "%252F"),
        FULL_2026.replace("Event Destinations Read", "'Event Destinations' Read"),
        FULL_2026.replace("'webhook_read'", "'rak_webhook_read'"),
        FULL_2026.replace("('webhook_read')", "('event_read') or Webhooks Read ('webhook_read')"),
    ],
)
def test_wording_of_2026_names_permission_account_and_key(text: str) -> None:
    finding = answers.of_refusal(403, error(text, code="more_permissions_required"), asked="webhook_read")

    assert finding == Finding(MISSING, ACCOUNT, KEY_ID)


@pytest.mark.parametrize(
    ("having", "answer"),
    [
        ("the 'rak_charge_read' permission", MISSING),
        ('the "rak_charge_read" permission', MISSING),
        ("the \\'rak_charge_read\\' permission", MISSING),
        ("the 'rak_charge_write', 'rak_charge_read' permissions", MISSING),
        ("more permissions", MISSING),
        ("the 'rak_charge_write' permission", UNCLEAR),
        ("the 'rak_charge_read_all' permission", MISSING),
        ("the 'rak_bucket_charge_read' permission", UNCLEAR),
        ("the 'rak_dispute_read' permission", UNCLEAR),
    ],
)
def test_wording_of_2021_proves_only_what_it_names(having: str, answer: Answer) -> None:
    text = f"The provided key 'rk_test_****qs8Kgd' {NEEDS} '{ACCOUNT}'. Having {having} would allow this."

    finding = answers.of_refusal(403, error(text), asked="charge_read")

    assert (finding.answer, finding.stripe_account_id, finding.stripe_key_id) == (answer, ACCOUNT, "")


@pytest.mark.parametrize(
    ("text", "more", "answer"),
    [
        ("You lack the required permissions.", {}, MISSING),
        ("Nothing of use.", {"code": "more_permissions_required"}, MISSING),
        ("Nothing of use.", {}, UNCLEAR),
        ("", {}, UNCLEAR),
        (
            "A restricted API key, but the required permissions are not available for use by restricted keys.",
            {},
            UNCLEAR,
        ),
        (
            "This application does not have the required permissions. Having the 'read_only' scope would do.",
            {},
            UNCLEAR,
        ),
        ("Only Stripe Connect platforms can work with other accounts.", {}, UNCLEAR),
        ("Please use a secret API key.", {"code": "secret_key_required"}, UNCLEAR),
        ("No access.", {"code": "account_invalid"}, UNKNOWN),
        ("No access.", {"code": "platform_account_required"}, UNKNOWN),
        ("Its key has expired.", {"code": "platform_api_key_expired"}, UNKNOWN),
        ("Its key has expired.", {"code": "api_key_expired"}, UNKNOWN),
        ("Slow down.", {"code": "rate_limit"}, UNKNOWN),
        ("Locked.", {"code": "lock_timeout"}, UNKNOWN),
        ("A failure.", {"kind": "api_error"}, UNKNOWN),
    ],
)
def test_a_403_that_names_no_permission(text: str, more: dict[str, Any], answer: Answer) -> None:
    assert answers.of_refusal(403, error(text, **more), asked="charge_read").answer is answer


def test_vague_403_says_nothing_where_another_permission_may_be_what_lacks() -> None:
    whose = catalogue.WHOSE

    finding = answers.of_refusal(
        403, error("More permissions."), asked=whose.permission, may_need=whose.may_need
    )

    assert whose.may_need
    assert finding.answer is UNCLEAR


def test_text_that_names_two_accounts_or_keys_names_none() -> None:
    text = FULL_2026 + FULL_2026.replace(ACCOUNT, "acct_1Other0000000").replace(KEY_ID, "mk_1Other0000000")

    finding = answers.of_refusal(403, error(text), asked="webhook_read")

    assert finding == Finding(MISSING)


def test_account_in_the_text_of_account_invalid_is_not_the_keys() -> None:
    text = f"The provided key does not have access to account '{ACCOUNT}' (or that account does not exist)."

    assert answers.of_refusal(403, error(text, code="account_invalid")).stripe_account_id == ""


@pytest.mark.parametrize("body", [None, {}, [], "text", {"error": None}, {"error": "denied"}, {"error": {}}])
@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 410])
def test_refusal_that_is_not_stripes_says_nothing(status: int, body: object) -> None:
    assert answers.of_refusal(status, body, asked="charge_read") == Finding(
        UNKNOWN, problem="unreadable_answer"
    )


@pytest.mark.parametrize(
    ("status", "body", "answer", "problem"),
    [
        (401, error("Invalid API Key provided: rk_test_***1234"), Answer.REFUSED, "key_refused"),
        (401, error(code="something_new"), Answer.REFUSED, "key_refused"),
        (401, error(code=["api_key_expired"]), Answer.REFUSED, "key_refused"),
        (401, error(code="api_key_expired"), Answer.EXPIRED, "key_expired"),
        (401, error("…from your IP address."), Answer.ADDRESS_REFUSED, "address_refused"),
        (401, error("…from your IP address (192.0.2.1)."), Answer.ADDRESS_REFUSED, "address_refused"),
        (401, error("You did not provide an API key. Please."), UNKNOWN, "not_about_this_key"),
        (401, error(code="platform_api_key_expired"), UNKNOWN, "not_about_this_key"),
        (401, error(code="secret_key_required"), UNKNOWN, "not_about_this_key"),
        (401, error(code="account_invalid"), UNKNOWN, "account_refused"),
        (401, error(code="rate_limit"), UNKNOWN, "rate_limited"),
        (400, error(code="rate_limit"), UNKNOWN, "rate_limited"),
        (400, error(kind="rate_limit"), UNKNOWN, "rate_limited"),
        (429, error(kind="rate_limit"), UNKNOWN, "rate_limited"),
        (429, None, UNKNOWN, "rate_limited"),
        (429, error(code="lock_timeout"), UNKNOWN, "locked"),
        (409, error(code="idempotency_key_in_use"), UNKNOWN, "conflict"),
        (500, error(kind="api_error", code="api_key_expired"), UNKNOWN, "stripe_error"),
        (503, None, UNKNOWN, "stripe_error"),
        (400, error(kind="api_error"), UNKNOWN, "stripe_error"),
        (400, error(code="account_invalid"), UNKNOWN, "account_refused"),
        (400, error(code="parameter_missing"), GRANTED, ""),
        (400, error(), GRANTED, ""),
        (402, error(kind="card_error"), GRANTED, ""),
        (404, error(code="resource_missing"), GRANTED, ""),
        (404, error("No such charge"), GRANTED, ""),
        (404, error("Unrecognized request URL (GET: /v1/x)."), UNCLEAR, ""),
        (404, error("Unrecognized request URL (GET: /v1/x).", code="url_invalid"), UNCLEAR, ""),
        (400, error(code="api_key_expired"), UNKNOWN, "not_about_this_key"),
        (402, error(code="api_key_expired", kind="card_error"), UNKNOWN, "not_about_this_key"),
        (404, error(code="api_key_expired"), UNKNOWN, "not_about_this_key"),
        (400, error(kind="idempotency_error"), UNCLEAR, ""),
        (400, error(kind="feature_not_enabled"), UNCLEAR, ""),
        (400, error(code="testmode_charges_only"), UNCLEAR, ""),
        (404, error(code="livemode_mismatch"), UNCLEAR, ""),
        (302, error(), UNKNOWN, "unreadable_answer"),
        (None, error(), UNKNOWN, "unreadable_answer"),
    ],
)
def test_refusal(status: int | None, body: object, answer: Answer, problem: str) -> None:
    assert answers.of_refusal(status, body, asked="charge_read") == Finding(answer, problem=problem)


@pytest.mark.parametrize("status", [400, 402, 404])
def test_only_200_and_403_tell_whose_a_key_is(status: int) -> None:
    assert answers.of_refusal(status, error(), asks_whose=True).answer is UNKNOWN


@pytest.mark.parametrize(
    ("body", "more", "answer", "problem"),
    [
        ({"object": "account", "id": ACCOUNT}, {"expects": "account"}, GRANTED, ""),
        ({"object": "account", "id": "nobody"}, {"expects": "account"}, UNKNOWN, "unreadable_answer"),
        ({"object": "account"}, {"expects": "account"}, UNKNOWN, "unreadable_answer"),
        ({"object": "list", "data": []}, {"expects": "account"}, UNKNOWN, "unreadable_answer"),
        ({"object": "list", "data": []}, {"expects": "list"}, GRANTED, ""),
        ({"data": []}, {"expects": "list"}, GRANTED, ""),
        ({"object": "list"}, {"expects": "list"}, UNKNOWN, "unreadable_answer"),
        ({"object": "balance", "livemode": False}, {"livemode": False}, GRANTED, ""),
        ({"object": "balance", "livemode": True}, {"livemode": False}, UNKNOWN, "not_about_this_key"),
        ({"object": "balance"}, {"status": 202}, UNKNOWN, "unreadable_answer"),
        ({"object": "balance", "error": {}}, {}, UNKNOWN, "unreadable_answer"),
        ({}, {}, UNKNOWN, "unreadable_answer"),
        ([], {}, UNKNOWN, "unreadable_answer"),
        (None, {}, UNKNOWN, "unreadable_answer"),
        ("object", {}, UNKNOWN, "unreadable_answer"),
    ],
)
def test_success(body: object, more: dict[str, Any], answer: Answer, problem: str) -> None:
    finding = answers.of_success(body, **more)

    assert (finding.answer, finding.problem) == (answer, problem)


def test_no_text_however_long_takes_long() -> None:
    for text in ("account 'acct_" * 10_000, "a_read" * 20_000, "_" * 200_000, "rak_" * 50_000):
        answers.of_refusal(403, error(text), asked="charge_read")


# --- Several answers -------------------------------------------------------------------------------------------------

REFUSED, EXPIRED = (
    Finding(Answer.REFUSED, problem="key_refused"),
    Finding(Answer.EXPIRED, problem="key_expired"),
)
ELSEWHERE = Finding(Answer.ADDRESS_REFUSED, problem="address_refused")
FAILED, THROTTLED = Finding(UNKNOWN, problem="stripe_error"), Finding(UNKNOWN, problem="rate_limited")


@pytest.mark.parametrize(
    ("began", "heard", "answer", "problem"),
    [
        (GRANTED, (FAILED, THROTTLED), GRANTED, "stripe_error"),
        (GRANTED, (REFUSED, FAILED), GRANTED, "answers_differ"),
        (GRANTED, (REFUSED, EXPIRED), Answer.EXPIRED, "key_expired"),
        (GRANTED, (ELSEWHERE, FAILED), GRANTED, "address_refused"),
        (UNKNOWN, (REFUSED, Finding(GRANTED)), Answer.REFUSED, "key_refused"),
        (UNKNOWN, (ELSEWHERE, REFUSED), Answer.ADDRESS_REFUSED, "address_refused"),
        (UNKNOWN, (EXPIRED, ELSEWHERE), Answer.EXPIRED, "key_expired"),
        (UNKNOWN, (THROTTLED, THROTTLED), UNKNOWN, "rate_limited"),
    ],
)
def test_order_of_arrival_makes_no_difference(
    began: Answer, heard: tuple[Finding, ...], answer: Answer, problem: str
) -> None:
    for order in (heard, heard[::-1]):
        found = Inspection(began)
        for number, finding in enumerate(order):
            found.note(f"permission_{number}", finding)

        assert (found.answer, found.problem) == (answer, problem)


@pytest.mark.parametrize(
    ("first", "told", "expected"),
    [
        (
            Finding(GRANTED, ACCOUNT),
            Finding(MISSING, "acct_1Other0000000", KEY_ID),
            (GRANTED, ACCOUNT, KEY_ID),
        ),
        (Finding(MISSING, ACCOUNT), Finding(MISSING, ACCOUNT, KEY_ID), (GRANTED, ACCOUNT, KEY_ID)),
        (Finding(MISSING, ACCOUNT), Finding(MISSING, "acct_1Other0000000"), (GRANTED, "", "")),
        (Finding(UNCLEAR), Finding(MISSING, ACCOUNT, KEY_ID), (GRANTED, ACCOUNT, KEY_ID)),
        (REFUSED, Finding(MISSING, ACCOUNT), (UNKNOWN, "", "")),
        (REFUSED, REFUSED, (Answer.REFUSED, "", "")),
        (REFUSED, FAILED, (Answer.REFUSED, "", "")),
        (REFUSED, ELSEWHERE, (UNKNOWN, "", "")),
        (FAILED, EXPIRED, (Answer.EXPIRED, "", "")),
        (FAILED, REFUSED, (UNKNOWN, "", "")),
    ],
)
def test_first_impression(first: Finding, told: Finding, expected: tuple[str, str, str]) -> None:
    found = first_impression(RestrictedKey(status="pending"), first, [told])

    assert (found.answer, found.stripe_account_id, found.stripe_key_id) == expected


def test_every_problem_is_ranked_and_has_a_sentence_of_its_own() -> None:
    source = Path(answers.__file__).read_text()
    found = set(re.findall(r'(?:problem=|_unknown\(|return |else )"([a-z_]+)"', source))

    assert {"locked", "timed_out", "no_connection", "account_refused", "key_expired"} <= found
    assert found <= set(inspection._GRAVEST_FIRST)
    assert set(inspection._GRAVEST_FIRST) <= {*PROBLEM_CODES, ""}
