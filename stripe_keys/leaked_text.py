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

MOST_KEYS = 50
_MOST_ENDS = 10
_LONGEST = 260  # characters of a key, its prefix included, with room to spare
_MOST_LINES = 6  # that one key is wrapped over
# No boundary in front: after an escape or in an encoded address a key follows a letter, as in `\nrk_live_`.
_BEGINNING = re.compile(r"[rs]k_(?:live|test)_", re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9]*", re.ASCII)
# The end of a line inside a key, real or written as an escape, with a mail's soft break, a quotation's sign, an indent.
_WRAP = re.compile(r"(?:=|\\)?[ \t]*(?:\r\n|\r|\n|(?:\\r)?\\n)[ \t>|+#*]*(?=[A-Za-z0-9])", re.ASCII)
_SHORTENED = re.compile(
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{0,32}(?:\*{2,}|\.{2,}|…+|•+|·{2,}|●+)(?P<end>[A-Za-z0-9]*)", re.ASCII
)
# `rk_live_`, `rk_test_`, `sk_live_`, `sk_test_` at the beginning of base64, as in the header of HTTP's Basic scheme.
_BASE64 = re.compile(r"(?:cmtf|c2tf)(?:bGl2ZV|dGVzdF)[A-Za-z0-9+/_-]{12,400}", re.ASCII)


@dataclass
class Reading:
    """What stands in a text.

    `keys` has for each key-shaped string the ways to read it: as it stands, and joined with the lines that follow it.
    `ends` are the last four characters of shortened keys, `shortened` their number; `is_cut` says that there were more
    than MOST_KEYS strings, and only the first were read.
    """

    keys: list[list[Secret]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    shortened: int = 0
    is_cut: bool = False


@sensitive_variables()
def read_leaked(text: str) -> Reading:
    """Find everything in `text` that is shaped like a Stripe key; each string counts once, however often it stands."""
    reading = Reading()
    seen: set[str] = set()
    plain = "".join(character for character in text if unicodedata.category(character) != "Cf")
    for way in _ways(plain):
        for readings in _keys_in(way):
            if readings[0] in seen:
                continue
            if len(reading.keys) == MOST_KEYS:
                reading.is_cut = True
                break
            seen.update(readings)
            reading.keys.append([Secret(each) for each in readings])
    _note_shortened(plain, reading)
    return reading


def _ways(text: str) -> Iterator[str]:
    """The text as it is, as an address hides it, and what HTTP's Basic scheme hides."""
    yield text
    if "%" in text:
        yield unquote(text)
    for match in _BASE64.finditer(text):
        encoded = match.group().translate({ord("-"): "+", ord("_"): "/"})
        yield base64.b64decode(encoded[: len(encoded) // 4 * 4] + _rest(encoded)).decode("latin-1")


def _rest(encoded: str) -> str:
    """The last, incomplete group of base64, completed; nothing if it is one character, which says nothing."""
    rest = encoded[len(encoded) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


def _keys_in(text: str) -> Iterator[list[str]]:
    """For each key-shaped string the ways to read it, the shortest first."""
    for match in _BEGINNING.finditer(text):
        readings = [each for each in _readings(text, match.start(), match.end()) if _is_key(each)]
        if readings:
            yield readings


def _readings(text: str, start: int, end: int) -> Iterator[str]:
    key = text[start:end]
    for _ in range(_MOST_LINES):
        run = _RUN.match(text, end)
        key += run.group() if run else ""
        yield key
        wrap = _WRAP.match(text, run.end() if run else end)
        if wrap is None or len(key) > _LONGEST:
            return
        end = wrap.end()


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
