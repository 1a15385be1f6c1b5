"""Which Stripe keys stand in a text that leaked: a log, a mail, a source file, whatever has been done to its lines.

Pure text work. Too many candidates cost nothing, because each is looked up by its fingerprint and nothing is guessed
from it; a missed one may cost a merchant dearly. No message here quotes the text, and what leaves are `Secret`s and
last four characters.
"""

import base64
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from django.views.decorators.debug import sensitive_variables

from stripe_keys.secret import NotAKey, Secret

MOST_KEYS = 1000
_MOST_READINGS = 4000  # of all keys together: each is a parameter of one query
_MOST_ENDS = 10
_LONGEST = 260  # characters of a key, its prefix included, with room to spare
_MOST_PARTS = 6  # that one key is wrapped or split into
_MOST_ROUNDS = 3  # of escapes within escapes
# Stands where a key may go on behind what interrupts it. It is of private use, so no text means it.
_SEAM = "\ue000"
# What may stand inside a key. Every repetition is bounded, so that no text is read twice over.
_GAP = re.compile(
    r"""(?:
        \\{0,4}["'`][ \t\r\n\\+.&]{0,40}["'`]                       # " + "
      | [ \t]+
      | (?:[=\\][ \t]{0,8})?(?:\r\n|[\r\n\v\f\0]|(?:\\{1,4}r)?\\{1,4}n)[ \t>|+\#*]{0,80}   # the end of a line
      | </?[a-zA-Z][^<>]{0,80}>                                     # a tag
    )+""",
    re.ASCII | re.VERBOSE,
)
# No boundary in front: after an escape or in an encoded address a key follows a letter, as in `\nrk_live_`.
_BEGINNING = re.compile(
    "|".join(f"[rs]{_SEAM}?" + f"{_SEAM}?".join(f"k_{mode}_") for mode in ("live", "test")), re.ASCII
)
_RUN = re.compile(r"[A-Za-z0-9]{0,260}", re.ASCII)
_COLOUR = re.compile(r"(?:\x1b|\\u001b|\\x1b|\\033|\\e|\^\[)\[[0-9;]{0,20}[A-Za-z]", re.ASCII)
_ESCAPE = re.compile(
    r"\\{1,4}u(?P<u>[0-9a-fA-F]{4})|\\{1,4}x(?P<x>[0-9a-fA-F]{2})"
    r"|&\#x0{0,8}(?P<hex>[0-9a-fA-F]{2,4});?|&\#0{0,8}(?P<dec>[0-9]{2,5});?|(?P<bar>&(?:lowbar|UnderBar);|=5F)"
    r"|(?P<amp>&amp;)|(?P<quote>&quot;)|(?P<lt>&lt;)|(?P<gt>&gt;)|(?P<space>&nbsp;)".replace(r"\#", "#"),
    re.ASCII,
)
_NAMED = {"bar": "_", "amp": "&", "quote": '"', "lt": "<", "gt": ">", "space": " "}
_UTF16 = re.compile(r"(?:[^\0]\0){8,}")
_SHORTENED = re.compile(
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{0,32}(?:\*{2,}|\.{2,}|…+|•+|·{2,}|●+)(?P<end>[A-Za-z0-9]*)", re.ASCII
)
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{16,}}(?:{_SEAM}[A-Za-z0-9+/_-]+)*", re.ASCII)


def _base64_of(word: bytes, shift: int) -> str:
    """What of base64 is the same wherever `word` stands `shift` bytes behind a group's beginning."""
    encoded = base64.b64encode(bytes(shift) + word).decode()
    return encoded[-(-shift * 8 // 6) : (shift + len(word)) * 8 // 6]


_MARKS = re.compile(
    "|".join(_base64_of(word, shift) for word in (b"k_live_", b"k_test_") for shift in range(3)).replace(
        "+", "[+-]"
    )
)


@dataclass
class Reading:
    """What stands in a text.

    `keys` has for each key-shaped string the ways to read it: as it stands, and joined with what follows it.
    `ends` are the last four characters of shortened keys, `shortened` their number; `is_cut` says that there was more
    than may be looked up at once, and only the first was read.
    """

    keys: list[list[Secret]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    shortened: int = 0
    is_cut: bool = False


@sensitive_variables()
def read_leaked(text: str) -> Reading:
    """Find everything in `text` that is shaped like a Stripe key; strings that begin alike count once."""
    plain = _plain(text)
    found, is_cut = _collect(plain)
    keys = [[Secret(each) for each in readings] for readings in found.values()]
    reading = Reading(keys=keys, is_cut=is_cut)
    _note_shortened(plain, reading)
    return reading


@sensitive_variables()
def _collect(text: str) -> tuple[dict[str, dict[str, None]], bool]:
    """By its shortest reading, every reading of each string, in the order in which they stand; and whether some lack.

    The keys of one account begin alike, and so do a key that is cut off and the same key whole: what was read of the
    one says nothing about the other.
    """
    found: dict[str, dict[str, None]] = {}
    room = _MOST_READINGS
    for way in _ways(text):
        for readings in _keys_in(way):
            known = found.get(readings[0])
            fresh = [each for each in readings if known is None or each not in known]
            if len(fresh) > room or (known is None and len(found) == MOST_KEYS):
                return found, True
            found.setdefault(readings[0], {}).update(dict.fromkeys(fresh))
            room -= len(fresh)
    return found, False


def _plain(text: str) -> str:
    """`text` without colours and invisible characters, and with letters, signs and spaces of ASCII where they mean it.

    Character by character: to normalise a whole text takes the square of its length if it is made for that.
    """
    text = _COLOUR.sub("", text)
    if text.isascii():
        return text
    return text.translate({ord(each): _ascii(each) for each in set(text) if not each.isascii()})


def _ascii(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" or character == _SEAM:
        return ""
    if category in ("Zl", "Zp") or character == "\x85":
        return "\n"
    normal = unicodedata.normalize("NFKC", character)
    return normal if normal.isascii() else character


def _ways(text: str) -> Iterator[str]:
    """The text as it is and without what disguises it, its gaps closed to seams; and what base64 hides in it."""
    for layer in _layers(text):
        seamed = _GAP.sub(_SEAM, layer)
        yield seamed
        if "\\" in seamed:
            seamed = seamed.replace("\\", "")
            yield seamed
        for match in _BASE64.finditer(seamed):
            encoded = match.group().replace(_SEAM, "")
            if _MARKS.search(encoded):
                hidden = (_decoded(encoded[start:]) for start in range(4))
                yield from (
                    _GAP.sub(_SEAM, each) for each in hidden if "k_live_" in each or "k_test_" in each
                )


def _layers(text: str) -> Iterator[str]:
    """The text, then with one round of escapes undone after another, and without the NULs of UTF-16."""
    yield text
    if "\0" in text:
        yield _UTF16.sub(lambda match: match.group().replace("\0", ""), text)
    for _ in range(_MOST_ROUNDS):
        before = text
        if "%" in text:
            text = unquote(text)
        text = _plain(_ESCAPE.sub(_unescaped, text))
        if text == before:
            return
        yield text


def _unescaped(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind in _NAMED:
        return _NAMED[kind]
    return chr(int(match[kind], 10 if kind == "dec" else 16))


def _decoded(encoded: str) -> str:
    """What base64 says, of addresses too; a last single character says nothing."""
    encoded = encoded.translate({ord("-"): "+", ord("_"): "/"})
    encoded = encoded[:-1] if len(encoded) % 4 == 1 else encoded
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("latin-1")


def _keys_in(text: str) -> Iterator[list[str]]:
    """For each key-shaped string the ways to read it, the shortest first."""
    for match in _BEGINNING.finditer(text):
        beginning = match.group().replace(_SEAM, "")
        readings = [each for each in _readings(beginning, text, match.end()) if _is_key(each)]
        if readings:
            yield readings


def _readings(key: str, text: str, end: int) -> Iterator[str]:
    for _ in range(_MOST_PARTS):
        end += text.startswith(_SEAM, end)
        run = _RUN.match(text, end)
        if run is None or not run.group() or len(key) > _LONGEST:
            return
        key, end = key + run.group(), run.end()
        yield key
        if not text.startswith(_SEAM, end):
            return


def _is_key(text: str) -> bool:
    try:
        Secret(text)
    except NotAKey:
        return False
    return True


def _note_shortened(text: str, reading: Reading) -> None:
    for match in _SHORTENED.finditer(text):
        reading.shortened += 1
        end = match["end"]
        if len(end) == 4 and end not in reading.ends and len(reading.ends) < _MOST_ENDS:
            reading.ends.append(end)
