"""What a person pasted: one restricted key, cleaned of what clipboards add, or the reason why it is not one.

Pure text work. No message here quotes the text, and what leaves is a `Secret` or a code.
"""

import re
import unicodedata
from dataclasses import dataclass

from stripe_keys.secret import NotAKey, Secret

LONGEST_WRAPPER = 512  # characters: around one key there is a name or a line of JSON, not a document
_WHOLE = re.compile(r"rk_(?:live|test)_[A-Za-z0-9]{10,240}", re.ASCII)
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9_])rk_(?:live|test)_[A-Za-z0-9]{10,240}(?![A-Za-z0-9_])", re.ASCII)
_MASKED = re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{0,12}(?:\*{2,}|\.{2,}|…|•+|·{2,}|●+)", re.IGNORECASE)
_GAP_IN_KEY = re.compile(r"rk_(?:live|test)_[A-Za-z0-9]+\s+[A-Za-z0-9]", re.ASCII)
_BEGINS_AS_KEY = re.compile(r"(?<![A-Za-z0-9_])rk_(?:live|test)_(?P<body>[A-Za-z0-9]*)", re.ASCII)
_GAP = re.compile(r"\s+")
_QUOTES = (
    ('"', '"'),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("‘", "’"),
    ("„", "“"),
    ("«", "»"),
    ("”", "”"),
    ("’", "’"),
)
_CLOSERS = frozenset("\"'`“”‘’»,;)]}>")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HARMLESS_CONTROLS = frozenset("\t\n\r")
# The first that is found names the kind; a full-access key is the gravest, so it comes first.
_OTHER_KINDS = tuple(
    (kind, re.compile(rf"(?<![A-Za-z0-9_]){pattern}", re.ASCII))
    for kind, pattern in (
        ("organization_key", "sk_org_"),
        ("secret_key", "sk_"),
        ("webhook_secret", "whsec_"),
        ("app_secret", "absec_"),
        ("ephemeral_key", "ek_"),
        ("publishable_key", "pk_"),
        ("key_id", "mk_"),
        ("account_id", "acct_"),
        ("client_id", "ca_"),
        ("other_id", r"(?!rk_)[a-z]{2,12}_(?:live_|test_)?[A-Za-z0-9]{8,}"),
        ("web_address", "https?://"),
    )
)


@dataclass(frozen=True)
class Pasted:
    """The key that was pasted, and what was cleaned off it.

    `cleaned` holds `hidden`, `spaces`, `quotes`, `line_break`, `wrapper` and `repeated`, in this order.
    """

    secret: Secret
    cleaned: tuple[str, ...]


class NotOneKey(Exception):
    """What was pasted is not one whole restricted key; `code` names the sentence to show."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_pasted(text: str) -> Pasted:
    """Find the one restricted key in `text`.

    Ends and invisible characters are stripped, matching quotes removed, `NAME=`, JSON or `Bearer` around it cut off,
    and a key that a mail wrapped over lines is joined. Nothing is guessed beyond that, and letters are never folded.

    Raises:
        NotOneKey: with the code of the reason.
    """
    _refuse_controls(text)
    cleaned: list[str] = []
    text = _noting(cleaned, "hidden", text, _without_hidden(text))
    text = _noting(cleaned, "spaces", text, text.strip())
    if not text:
        raise NotOneKey("blank")
    text = _noting(cleaned, "quotes", text, _without_quotes(text))
    _refuse_other_keys(text)
    whole = _joined(text)
    if whole is not None:
        _noting(cleaned, "line_break", text, whole)
    else:
        whole = _cut_out(text, cleaned)
    try:
        return Pasted(Secret(whole), tuple(cleaned))
    except NotAKey:  # pragma: no cover  # both expressions are at most as wide as the secret's own
        raise NotOneKey("unknown") from None


def _noting(cleaned: list[str], what: str, before: str, after: str) -> str:
    if after != before:
        cleaned.append(what)
    return after


def _refuse_controls(text: str) -> None:
    """NUL and its like never come from a copied key, and characters that reorder text are there to deceive."""
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Co", "Cn") and character not in _HARMLESS_CONTROLS:
            raise NotOneKey("control_characters")
        if character in _REORDERING:
            raise NotOneKey("foreign_characters")


def _without_hidden(text: str) -> str:
    """The text without format characters: zero-width ones, byte order marks, soft hyphens."""
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _without_quotes(text: str) -> str:
    for _ in range(3):
        for opening, closing in _QUOTES:
            if len(text) > 1 and text.startswith(opening) and text.endswith(closing):
                text = text[1:-1].strip()
                break
    return text


def _refuse_other_keys(text: str) -> None:
    if _MASKED.search(text):
        raise NotOneKey("masked")
    for kind, pattern in _OTHER_KINDS[:2]:
        if pattern.search(text):
            raise NotOneKey(kind)


def _joined(text: str) -> str | None:
    """The text as one key, if it is one but for line breaks inside it."""
    if any("\n" not in gap and "\r" not in gap for gap in _GAP.findall(text)):
        return None
    joined = _GAP.sub("", text)
    return joined if _WHOLE.fullmatch(joined) else None


def _cut_out(text: str, cleaned: list[str]) -> str:
    """The one candidate in a longer text."""
    found = list(_CANDIDATE.finditer(text))
    keys = {match.group() for match in found}
    if len(keys) > 1:
        raise NotOneKey("two_keys")
    if not keys or not all(_ends_there(text, match.end()) for match in found):
        raise NotOneKey(_reason(text))
    if len(text) > LONGEST_WRAPPER:
        raise NotOneKey("too_much_text")
    key = keys.pop()
    cleaned.append("repeated" if not text.replace(key, "").strip(" \t\r\n,;") else "wrapper")
    return key


def _ends_there(text: str, end: int) -> bool:
    """Whether the key surely ends at `end`: the text does, a sign closes it, or another copy or a name follows."""
    rest = text[end:]
    if not rest.strip() or rest[0] in _CLOSERS:
        return True
    following = rest.lstrip()
    if following == rest:
        return False
    return bool(_CANDIDATE.match(following) or re.match(r"[A-Za-z_][\w.-]*\s*[=:]|[#/]|pk_", following))


def _reason(text: str) -> str:
    """Why there is no key in `text`."""
    begun = _BEGINS_AS_KEY.search(text)
    if not text.isascii():
        return "foreign_characters"
    if begun is not None:
        return _reason_of_begun(text, begun)
    for kind, pattern in _OTHER_KINDS:
        if pattern.search(text):
            return kind
    if re.search(r"\brk_(?:live|test)_", text, re.IGNORECASE):
        return "capitals"
    return "too_much_text" if len(text) > LONGEST_WRAPPER else "unknown"


def _reason_of_begun(text: str, begun: re.Match[str]) -> str:
    if _GAP_IN_KEY.search(text):
        return "gap"
    if text[begun.end() :].strip() and text[begun.end()] not in _CLOSERS:
        return "two_keys" if text.count("rk_") > 1 else "odd_characters"
    return "too_short" if len(begun["body"]) < 10 else "too_long"
