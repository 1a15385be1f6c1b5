"""What answers of Stripe's say about the account that a merchant has named, and about links to its Dashboard."""

from typing import Any

import pytest
from pytest_django import Settings

from stripe_keys import permissions
from stripe_keys.gateway import answers
from stripe_keys.gateway.answers import NOT_ITS_ACCOUNT, Answer, Finding

ACCOUNT, KEY_ID = "acct_1Abcdefgh23456789", "mk_1Abcdefgh23456789"
TEXT = (
    "Permission denied. The provided key 'rk_test_...tdxQ' does not have the required permissions for this endpoint on "
    f"account '{ACCOUNT}'. You can edit permissions at "
)


def refused(code: str = "", message: str = "No.", status: int = 403) -> Finding:
    """What Stripe's refusal of a request that names an account means."""
    body: dict[str, Any] = {"error": {"type": "invalid_request_error", "message": message, "code": code}}
    finding = answers.of_refusal(status, body, asked="connected_account_read")
    return answers.of_refused_claim(body, finding)


@pytest.mark.parametrize("status", [400, 403])
def test_only_account_invalid_denies_the_account(status: int) -> None:
    assert refused("account_invalid", status=status).problem == NOT_ITS_ACCOUNT
    for code in ("platform_account_required", "more_permissions_required"):
        assert refused(code, status=status).problem != NOT_ITS_ACCOUNT


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("platform_account_required", "Only Stripe Connect platforms can work with other accounts."),
        ("", "Only Stripe Connect platforms can work with other accounts."),
        ("more_permissions_required", TEXT),
    ],
)
def test_refusals_of_the_header_or_for_permissions_let_the_merchants_word_stand(
    code: str, message: str
) -> None:
    assert refused(code, message).answer in answers.ALIVE


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limit"), (500, ""), (409, "lock_timeout")])
def test_no_answer_about_the_account_is_no_answer(status: int, code: str) -> None:
    assert refused(code, status=status).answer is Answer.UNKNOWN


def test_our_link_to_a_keys_permissions_is_the_one_that_stripe_gives(settings: Settings) -> None:
    settings.STRIPE_DASHBOARD_BASE = "https://dashboard.stripe.com"
    given = f"https://dashboard.stripe.com/b/{ACCOUNT}?destination=%2Ftest%2Fapikeys%2F{KEY_ID}%2Fedit"

    finding = answers.of_refusal(403, {"error": {"type": "invalid_request_error", "message": TEXT + given}})

    assert finding.stripe_key_id == KEY_ID
    link = permissions.edit_key_link(KEY_ID, livemode=False, stripe_account_id=finding.stripe_account_id)
    assert link == given
    assert permissions.edit_key_link(KEY_ID, livemode=True, stripe_account_id=ACCOUNT) == given.replace(
        "%2Ftest", ""
    )


def test_link_to_a_page_of_another_account_names_no_key() -> None:
    other = f"https://dashboard.stripe.com/b/acct_1SomebodyElse99?destination=%2Fapikeys%2F{KEY_ID}%2Fedit"

    finding = answers.of_refusal(403, {"error": {"type": "invalid_request_error", "message": TEXT + other}})

    assert (finding.stripe_account_id, finding.stripe_key_id) == (ACCOUNT, "")
