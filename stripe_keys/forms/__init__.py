"""The paste form: one field whose value is cleaned, explained when it is wrong, and never shown again."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from stripe_keys.pastes.pasting import NotOneKey, read_pasted
from stripe_keys.secret import Secret
from stripe_keys.sentences.paste_refusals import REFUSALS

_CLEANED = {
    "hidden": "invisible characters",
    "spaces": "spaces around it",
    "quotes": "quotes around it",
    "line_break": "a line break inside it",
    "wrapper": "the text around it",
    "repeated": "a second copy of it",
}
_WIDGET = {
    "autocomplete": "off",
    "autocapitalize": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "maxlength": "8192",
    # Password managers must not keep it either.
    "data-1p-ignore": "",
    "data-bwignore": "",
    "data-lpignore": "true",
    "data-forget": "",
}


class OneKeyInput(forms.PasswordInput):
    """A field that hides what is in it, is never filled in by us, and refuses to be sent twice."""

    template_name = "django/forms/widgets/password.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        """Return the text sent, or a list of them when there were several."""
        if not isinstance(data, MultiValueDict):
            return data.get(name)
        sent = data.getlist(name)
        return sent[0] if len(sent) == 1 else sent


class KeyField(forms.Field):
    """A pasted key; its clean value is `stripe_keys.pastes.pasting.Pasted`."""

    widget = OneKeyInput

    def clean(self, value: Any) -> Any:
        """Read the key, or explain in a sentence of its own why there is none."""
        if isinstance(value, list) and value:
            raise ValidationError(REFUSALS["several_fields"], code="several_fields")
        try:
            return read_pasted(value or "")
        except NotOneKey as reason:
            raise ValidationError(REFUSALS[reason.code], code=reason.code) from None


class PasteKeyForm(forms.Form):
    """Takes one restricted key of the page's mode. `secret` and `cleaned_note` are there once it is valid."""

    key = KeyField(label="Restricted key", widget=OneKeyInput(render_value=False, attrs=_WIDGET))

    def __init__(self, *args: Any, livemode: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.livemode = livemode
        prefix = "rk_live_" if livemode else "rk_test_"
        self.fields["key"].help_text = f"It begins with {prefix}. After you send it, it is never shown again."

    def clean_key(self) -> Any:
        """Refuse a key of the other mode."""
        pasted = self.cleaned_data["key"]
        if pasted.secret.livemode != self.livemode:
            code = "live_key" if pasted.secret.livemode else "test_key"
            raise ValidationError(REFUSALS[code], code=code)
        return pasted

    @property
    def secret(self) -> Secret:
        """The pasted key."""
        secret: Secret = self.cleaned_data["key"].secret
        return secret

    @property
    def refusal(self) -> str:
        """The code of the reason why the key was refused; empty when it was not."""
        return next((str(error.code) for error in self.errors.as_data().get("key", [])), "")

    @property
    def is_of_other_mode(self) -> bool:
        """Whether a whole key was pasted, but on the page of the other mode."""
        return self.refusal in ("live_key", "test_key")

    @property
    def is_full_access(self) -> bool:
        """Whether a key was pasted that can do everything, and that should be retired."""
        return self.refusal in ("secret_key", "organization_key")

    @property
    def cleaned_note(self) -> str:
        """What was cleaned off the key, as a sentence; empty if nothing was."""
        parts = [_CLEANED[code] for code in self.cleaned_data["key"].cleaned]
        if not parts:
            return ""
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        return f"Before saving the key we removed {listed}."
