"""The form that asks which old secret key is to be retired. No field is for a key: what looks like one is dropped."""

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from stripe_keys.forms.stripe_account import UnechoedInput

_SECRET = re.compile(
    r"(?:[rs]k_(?:live|test|org)|whsec|absec|rkcs|ek_(?:live|test))_|[A-Za-z0-9]{40}", re.IGNORECASE
)
_LAST4 = re.compile(r"[A-Za-z0-9]{4}", re.ASCII)
_KEY_ID = re.compile(r"(?<![A-Za-z0-9_])mk_[A-Za-z0-9]{8,100}(?![A-Za-z0-9_])", re.ASCII)
REFUSALS = {
    "stripe_key": (
        "This is a key, or a part of one. We did not keep it, and we never ask for it. As it has left your hands, "
        "retire it soon."
    ),
    "last4": "Write only the last four characters, as Stripe shows them behind the dots.",
    "key_id": "This is not the id of a key. It begins with mk_; leave the field empty if you do not find it.",
    "restricted_key": (
        "This is the id of a restricted key that you use here. Copy the id of the old secret key, or leave the field "
        "empty."
    ),
}
_WIDGET = {
    "autocomplete": "off",
    "autocapitalize": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "data-no-key": "",  # the page's script empties it when a key is pasted, before anything is sent
    "data-forget": "",
}


def _input(**more: str) -> forms.Widget:
    return UnechoedInput(attrs=_WIDGET | more)


def _cleaned(text: str) -> str:
    """The text without what copying adds.

    Raises:
        ValidationError: there is a secret in it.
    """
    seen = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc")).strip()
    if _SECRET.search("".join(seen.split())):
        raise ValidationError(REFUSALS["stripe_key"], code="stripe_key")
    return seen


class SecretKeyForm(forms.Form):
    """Takes the last four characters of the old key and its id, either, both or none."""

    last4 = forms.CharField(
        label="Its last four characters",
        help_text="To tell it from your other keys on this page.",
        required=False,
        strip=False,
        # The browser cuts off whatever is longer: of a pasted key four characters would be left.
        widget=_input(maxlength="4", size="4"),
    )
    stripe_key_id = forms.CharField(
        label="Its id",
        help_text=(
            "It begins with mk_ and is no secret. With it we hear of the key’s end from Stripe, where Stripe tells us."
        ),
        required=False,
        strip=False,
        widget=_input(maxlength="60", placeholder="mk_…"),
    )

    def clean_last4(self) -> str:
        """Four letters or digits, or nothing."""
        text = _cleaned(self.cleaned_data["last4"])
        if text and not _LAST4.fullmatch(text):
            raise ValidationError(REFUSALS["last4"], code="last4")
        return text

    def clean_stripe_key_id(self) -> str:
        """The one id in it, or nothing."""
        text = _cleaned(self.cleaned_data["stripe_key_id"])
        found = set(_KEY_ID.findall(text))
        if text and len(found) != 1:
            raise ValidationError(REFUSALS["key_id"], code="key_id")
        return found.pop() if found else ""

    @property
    def was_given_a_key(self) -> bool:
        """Whether somebody put something secret into a field."""
        errors: dict[str, list[Any]] = self.errors.as_data()
        return any(error.code == "stripe_key" for each in errors.values() for error in each)
