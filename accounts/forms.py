"""The sign-up form's own part: allauth adds e-mail address and password."""

from typing import Any

from django import forms


class OpenMerchantForm(forms.Form):
    """Asks a new user for their company. allauth's sign-up form inherits from it (ACCOUNT_SIGNUP_FORM_CLASS)."""

    field_order = ("company", "email", "password1", "password2")

    company = forms.CharField(
        label="Company",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="The business whose Stripe account you will connect.",
    )

    def signup(self, request: Any, user: Any) -> None:
        """Nothing is left to do: `AccountAdapter.save_user` opened the merchant in the user's own transaction."""
