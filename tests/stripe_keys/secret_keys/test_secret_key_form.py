"""The fields that name an old secret key: they take its name, and nothing that could be the key or a part of it."""

import base64

import pytest

from stripe_keys.forms.secret_keys import REFUSALS, SecretKeyForm
from tests import people

OLD_KEY = "mk_1TheOldSecretKey000000"


def filled(**fields: str) -> SecretKeyForm:
    return SecretKeyForm(fields)


@pytest.mark.parametrize(
    ("pasted", "read"),
    [
        ("", ""),
        (f" {OLD_KEY}\n", OLD_KEY),
        (f"\u200b{OLD_KEY}", OLD_KEY),
        (f"https://dashboard.stripe.com/apikeys/{OLD_KEY}/edit", OLD_KEY),
    ],
    ids=["empty", "spaces", "hidden", "address"],
)
def test_id_is_cleaned_of_what_copying_adds(pasted: str, read: str) -> None:
    form = filled(stripe_key_id=pasted, last4=" 4deA ")

    assert form.is_valid()
    assert form.cleaned_data == {"stripe_key_id": read, "last4": "4deA"}


@pytest.mark.parametrize("field", ["last4", "stripe_key_id"])
@pytest.mark.parametrize(
    "shape", ["whole", "restricted", "begun", "spaced", "hidden", "coded", "body", "capitals"]
)
def test_key_in_any_shape_is_refused_and_never_echoed(field: str, shape: str) -> None:
    key = people.a_secret_key(livemode=True)
    pasted = {
        "whole": key,
        "restricted": people.a_restricted_key(),
        "begun": key[:12],
        "spaced": " ".join(key[start : start + 10] for start in range(8, 98, 10)),
        "hidden": "\u200b".join(key),
        "coded": base64.b64encode(key.encode()).decode(),
        "body": key[8:],
        "capitals": key.upper(),
    }[shape]

    form = filled(**{field: pasted})

    assert form.errors == {field: [REFUSALS["stripe_key"]]}
    assert form.was_given_a_key
    assert not any(pasted[start : start + 8] in form.as_p() for start in range(0, len(pasted) - 8, 4))


@pytest.mark.parametrize("text", ["123", "12345", "sk_l", "…123", "12 4", "é234"], ids=ascii)
def test_only_four_letters_and_digits_are_last_characters(text: str) -> None:
    assert filled(last4=text).errors == {"last4": [REFUSALS["last4"]]}


@pytest.mark.parametrize(
    "text", ["mk_", "acct_1AdasAccount0000", "the old one", f"{OLD_KEY} mk_1Another00000"]
)
def test_only_one_id_of_a_key_is_an_id(text: str) -> None:
    assert filled(stripe_key_id=text).errors == {"stripe_key_id": [REFUSALS["key_id"]]}


def test_browser_keeps_four_characters_of_whatever_is_pasted_as_last_ones() -> None:
    assert 'maxlength="4"' in str(SecretKeyForm()["last4"])
