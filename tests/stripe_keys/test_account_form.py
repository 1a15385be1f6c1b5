"""The form for an account's id: what is accepted, and what is refused for which reason."""

import pytest

from stripe_keys.forms.stripe_account import REFUSALS, NameAccountForm
from tests.people import a_restricted_key, a_secret_key, a_signing_secret

ID = "acct_1AdasAccount1234"
ACCEPTED = [
    ID,
    f"  {ID}\n",
    f"“{ID}”",
    f"'{ID}'",
    f"\u200b{ID}",
    f"Account ID: {ID}",
    f"https://dashboard.stripe.com/{ID}/test/apikeys",
    f"https://dashboard.stripe.com/b/{ID}?destination=%2Ftest%2Fapikeys",
    f"{ID}, {ID}",
]
# The texts are random: tests are named by number, the same in every run.
REFUSED = [
    ("", "required"),
    ("   ", "blank"),
    (a_restricted_key(), "stripe_key"),
    (f"{ID} {a_secret_key(livemode=True)}", "stripe_key"),
    (a_signing_secret(), "stripe_key"),
    ("sk_org_1234567890", "stripe_key"),
    ("acct_…1234", "masked"),
    ("acct_****1234", "masked"),
    (f"{ID} acct_1OfSomebodyElse", "two_accounts"),
    ("acct_1234567", "too_short"),
    ("acct_", "too_short"),
    (f"acct_{'a' * 65}", "too_long"),
    ("ACCT_1ADASACCOUNT1234", "capitals"),
    ("acct_1AdasAcc\u043eunt1234", "foreign_characters"),
    ("acct_1ABCDEFGH IJKLMNOP", "not_whole"),
    ("acct_1ABCDEFGH\nIJKLMNOP", "not_whole"),
    ("acct_1ABCDEFGH-IJKLMNOP", "not_whole"),
    (f"not_{ID}", "not_whole"),
    (f"see {ID} there", "not_whole"),
    (f"\u202e{ID}", "foreign_characters"),
    (f"https://example.com/{ID}/apikeys", "web_address"),
    (f"https://dashboard.stripe.com/{ID}-1/apikeys", "web_address"),
    (f"{ID}_1", "foreign_characters"),
    ("pk_test_1234567890", "publishable_key"),
    ("mk_1234567890", "key_id"),
    ("cus_1234567890", "other_id"),
    ("https://dashboard.stripe.com/settings/account", "web_address"),
    ("ada@example.com", "mail_address"),
    ("x" * 2001, "too_much_text"),
    ("Ada's Lamps", "unknown"),
]


@pytest.mark.parametrize("text", ACCEPTED, ids=range(len(ACCEPTED)))
def test_the_one_account_in_a_text_is_found(text: str) -> None:
    form = NameAccountForm({"account": text})

    assert form.is_valid(), form.errors
    assert form.account_id == ID


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=range(len(REFUSED)))
def test_every_wrong_text_is_explained_and_never_echoed(text: str, code: str) -> None:
    form = NameAccountForm({"account": text})

    assert [error.code for error in form.errors.as_data()["account"]] == [code]
    assert form.errors["account"] == [REFUSALS["blank" if code == "required" else code]]
    assert "value=" not in str(form["account"])


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_says_what_to_do(code: str) -> None:
    assert any(way in REFUSALS[code] for way in ("You find", "opy", "aste"))
