"""The sign-up form's own part: allauth adds e-mail address and password."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

# Names and addresses are stored and mailed as they are; a key that lands in the wrong field must not be.
no_stripe_key = RegexValidator(
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{10}",
    "That looks like a Stripe key. Nothing was kept; keys are asked for later, on a page of their own.",
    code="stripe_key",
    inverse_match=True,
)


class OpenMerchantForm(forms.Form):
    """Asks a new user for their company. allauth's sign-up form inherits from it (ACCOUNT_SIGNUP_FORM_CLASS)."""

    field_order = ("company", "email", "password1", "password2")

    company = forms.CharField(
        label="Company",
        max_length=120,
        validators=[no_stripe_key],
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="The business whose Stripe account you will connect.",
    )

    def signup(self, request: Any, user: Any) -> None:
        """Nothing is left to do: `AccountAdapter.save_user` opened the merchant in the user's own transaction."""
