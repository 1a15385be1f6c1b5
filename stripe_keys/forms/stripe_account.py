"""The form for the id of a Stripe account: cleaned of what copying adds, explained when it is wrong, never echoed."""

import re
import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.forms import no_stripe_key

LONGEST_TEXT = 2000
_ID = re.compile(r"acct_[A-Za-z0-9]{8,64}", re.ASCII)
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9])acct_[A-Za-z0-9]*", re.ASCII)
_IN_ADDRESS = re.compile(r"(?<=/)acct_[A-Za-z0-9]*(?=[/?#]|$)", re.ASCII)
_NAME_BEFORE = re.compile(r"^[A-Za-z ]{2,30}[:=]\s*", re.ASCII)
_QUOTED = re.compile(r"^[\"'`“”‘’„«»]+(.*?)[\"'`“”‘’„«»]+$")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MASKED = re.compile(r"acct_[A-Za-z0-9]{0,12}(?:\*{2,}|\.{2,}|…|•+|·{2,}|●+)", re.ASCII)
_SECRETS = re.compile(
    r"(?:[rs]k_(?:live|test|org)|whsec|absec|rkcs|ek_(?:live|test))_", re.ASCII | re.IGNORECASE
)
_OTHER_IDS = (
    ("publishable_key", re.compile(r"\bpk_(?:live|test)_", re.ASCII)),
    ("key_id", re.compile(r"\bmk_[A-Za-z0-9]{4}", re.ASCII)),
    ("other_id", re.compile(r"\b(?!acct_)[a-z]{2,12}_[A-Za-z0-9]{6}", re.ASCII)),
    ("web_address", re.compile(r"https?://|dashboard\.stripe\.com", re.ASCII | re.IGNORECASE)),
    ("mail_address", re.compile(r"\S@\S+\.\S")),
)
_WHERE = (
    "You find the account’s id in Stripe under Settings, Business, Account details; it begins with acct_."
)
REFUSALS = {
    "blank": f"Paste the id of the Stripe account here. {_WHERE}",
    "stripe_key": (
        "This is a key or a secret, not the id of an account. We did not keep it; such things belong on no page but "
        f"the one for keys. {_WHERE}"
    ),
    "masked": "This id is shortened. Copy the whole id with Stripe’s copy button.",
    "two_accounts": (
        "There is more than one account id here. Paste only that of the account in which you copied the key."
    ),
    "not_whole": (
        "There is something in or beside this id, so we cannot tell whether it is whole. Copy it with Stripe’s copy "
        "button and paste it alone."
    ),
    "too_short": "This is only the beginning of an account id. Copy the whole id with Stripe’s copy button.",
    "too_long": "This is longer than any account id. Copy the id again, alone, with Stripe’s copy button.",
    "capitals": (
        "Some letters of this id were turned into capitals, and ids tell capitals apart. Copy it again with Stripe’s "
        "copy button and paste it without typing."
    ),
    "foreign_characters": (
        "There are hidden or foreign characters in this id: it has only the letters A to Z and digits. Copy it again "
        "with Stripe’s copy button; do not retype it."
    ),
    "publishable_key": f"This is a publishable key (pk_…), not the id of an account. {_WHERE}",
    "key_id": f"This is the id of a key (mk_…), not that of an account. {_WHERE}",
    "other_id": f"This looks like the id of something else in Stripe. {_WHERE}",
    "web_address": f"There is no account id in this address. {_WHERE}",
    "mail_address": f"This is an e-mail address, not the id of an account. {_WHERE}",
    "too_much_text": f"There is much more here than an id. Paste only the id. {_WHERE}",
    "unknown": f"This is not the id of a Stripe account. {_WHERE}",
}


class NotAnAccount(Exception):
    """What was pasted does not name one account; `code` names the sentence to show."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_account_id(text: str) -> str:
    """Find the one account id in `text`: the id alone, quoted, with a name before it, or in a Dashboard address.

    Raises:
        NotAnAccount: with the code of the reason.
    """
    if any(letter in _REORDERING or unicodedata.category(letter) in ("Cs", "Co", "Cn") for letter in text):
        raise NotAnAccount("foreign_characters")
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip()
    if not text:
        raise NotAnAccount("blank")
    if _SECRETS.search(text):
        raise NotAnAccount("stripe_key")
    if len(text) > LONGEST_TEXT:
        raise NotAnAccount("too_much_text")
    if _MASKED.search(text):
        raise NotAnAccount("masked")
    ids = set(_IN_ADDRESS.findall(text) if _is_dashboard(text) else _whole_ids(text))
    if len(ids) > 1:
        raise NotAnAccount("two_accounts")
    if not ids:
        raise NotAnAccount(_reason(text))
    account: str = ids.pop()
    if _ID.fullmatch(account):
        return account
    raise NotAnAccount("too_short" if len(account) < 20 else "too_long")


def _is_dashboard(text: str) -> bool:
    """Whether `text` is the address of a page of the Dashboard, and nothing else."""
    known = (settings.STRIPE_DASHBOARD_BASE.rstrip("/") + "/", "https://dashboard.stripe.com/")
    return text.startswith(known) and not re.search(r"\s", text)


def _whole_ids(text: str) -> list[str]:
    """The ids in `text` if there is nothing else in it but quotes, what parts them, and a name before them."""
    text = _NAME_BEFORE.sub("", text)
    words: list[str] = [_QUOTED.sub(r"\1", word) for word in re.split(r"[\s,;]+", text)]
    words = [word for word in words if word]
    return words if all(re.fullmatch(r"acct_[A-Za-z0-9]*", word, re.ASCII) for word in words) else []


def _reason(text: str) -> str:
    """Why there is no account id in `text`."""
    found = [(match.group(), text[match.end() : match.end() + 1]) for match in _CANDIDATE.finditer(text)]
    if any(after == "_" or (after.isalnum() and not after.isascii()) for _, after in found):
        return "foreign_characters"
    if len({one for one, _ in found}) > 1:
        return "two_accounts"
    if _is_web_address(text):
        return "web_address"
    if "acct_" in text:
        return "not_whole"
    if re.search(r"acct_", text, re.IGNORECASE):
        return "capitals"
    kind = next((code for code, pattern in _OTHER_IDS if pattern.search(text)), "")
    if kind:
        return kind
    return "unknown" if text.isascii() else "foreign_characters"


def _is_web_address(text: str) -> bool:
    return re.match(r"https?://|dashboard\.stripe\.com", text, re.ASCII | re.IGNORECASE) is not None


class UnechoedInput(forms.TextInput):
    """A field whose text never comes back from us: who pastes a key into it must not see it on a page."""

    def format_value(self, value: Any) -> None:
        """Nothing."""
        return


class NameAccountForm(forms.Form):
    """Asks for the account that a key is of; `account_id` is there once it is valid."""

    account = forms.CharField(
        label="Id of the Stripe account",
        help_text="It begins with acct_. You may also paste the address of a page of your Dashboard that has it.",
        strip=False,
        error_messages={"required": REFUSALS["blank"]},
        widget=UnechoedInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
                "maxlength": "4096",
                "placeholder": "acct_…",
            }
        ),
    )

    def clean_account(self) -> str:
        """Read the id, or explain in a sentence of its own why there is none."""
        text = self.cleaned_data["account"]
        try:
            no_stripe_key(text)
            return read_account_id(text)
        except NotAnAccount as reason:
            raise ValidationError(REFUSALS[reason.code], code=reason.code) from None
        except ValidationError:
            raise ValidationError(REFUSALS["stripe_key"], code="stripe_key") from None

    @property
    def account_id(self) -> str:
        """The account that was named."""
        account: str = self.cleaned_data["account"]
        return account
