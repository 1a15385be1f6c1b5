"""Canary keys, one for each place where somebody pastes one, and a search that knows their disguises.

Behind the beginning that a real key shares with its account, a canary is a mark of nine characters that all canaries of
a run share, three of its own, the mark again, and so on. So any piece of 20 characters holds the whole mark, a search
for all of them costs no more than for one, and what was found says whose it is. The last four characters, which the
site may show, are outside of that.
"""

import base64
import re
import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.people import some_letters

_BODY, _LAST_SHOWN = 99, 4
_MARK, _OWN = 9, 3
_OF_ITS_ACCOUNT, _PIECE = 32, 20  # behind the prefix and the head
_HEAD = 21  # a 5 and the account's own part, as the local Stripe writes them


@dataclass(frozen=True)
class Hit:
    """A canary in a place where none may be."""

    sink: str
    """The kind of place: one of `tests.journeys.sinks`."""
    place: str
    canary: str
    disguise: str

    def __str__(self) -> str:
        return f"{self.sink}, {self.place}: the canary {self.canary!r}, {self.disguise}"


@dataclass(frozen=True)
class Found:
    """Some bytes that were left behind, and where."""

    sink: str
    place: str
    data: bytes


class Canaries:
    """The canary keys of one run, made as they are asked for."""

    def __init__(self) -> None:
        self.mark = _a_mark()
        self._keys: dict[str, str] = {}
        self._needles = disguises(self.mark)
        self._made: dict[str, dict[str, bytes]] = {}

    def key(self, name: str, *, kind: str = "rk_test") -> str:
        """The key for this place: the same text whenever it is asked for."""
        if name not in self._keys:
            own = some_letters(_OWN)
            pairs = (_BODY - _HEAD - _LAST_SHOWN) // (_MARK + _OWN)
            body = (self.mark + own) * pairs
            head = "5" + some_letters(_HEAD - 1)
            self._keys[name] = f"{kind}_{head}{body}".ljust(len(kind) + 1 + _BODY - _LAST_SHOWN, "0")
            self._keys[name] += some_letters(_LAST_SHOWN)
        return self._keys[name]

    def add(self, name: str, text: str) -> None:
        """A key that somebody else has made is a canary, too: looked for by a piece of it."""
        self._made[name] = disguises(text[_OF_ITS_ACCOUNT : _OF_ITS_ACCOUNT + _PIECE])

    def hits(self, found: Iterable[Found]) -> Iterator[Hit]:
        """Every canary in these; nothing is what we want."""
        for each in found:
            for name, needles in self._made.items():
                for disguise, needle in needles.items():
                    if needle in each.data:
                        yield Hit(each.sink, each.place, name, disguise)
            for disguise, needle in self._needles.items():
                if needle in each.data:
                    yield from self._named(each, disguise)

    def _named(self, found: Found, disguise: str) -> Iterator[Hit]:
        """Whose it is: the mark with each canary's own three characters beside it, in the same disguise."""
        named = [
            name
            for name, key in self._keys.items()
            if any(disguises(piece).get(disguise, b"-") in found.data for piece in _pieces(key, self.mark))
        ]
        for name in named or ["of which too little is left to tell"]:
            yield Hit(found.sink, found.place, name, disguise)


def disguises(text: str) -> dict[str, bytes]:
    """The bytes that `text` (ASCII letters and digits, nine or more) becomes, by how it was written."""
    plain = text.encode()
    found = {
        "as it is": plain,
        "reversed": plain[::-1],
        "in small letters": plain.lower(),
        "in capitals": plain.upper(),
        "in hex": plain.hex().encode(),
        "in HEX": plain.hex().upper().encode(),
        "percent-encoded": "".join(f"%{byte:02X}" for byte in plain).encode(),
        "percent-encoded in small letters": "".join(f"%{byte:02x}" for byte in plain).encode(),
        "escaped": "".join(f"\\x{byte:02x}" for byte in plain).encode(),
        "as Unicode escapes": "".join(f"\\u{byte:04x}" for byte in plain).encode(),
        "as HTML numbers": "".join(f"&#{byte};" for byte in plain).encode(),
        "in UTF-16": text.encode("utf-16-le"),
        "in UTF-16, big end first": text.encode("utf-16-be"),
    }
    for shift in range(3):
        # What came before decides the first characters, what comes after the last: the middle is always the same.
        inside = plain[shift : shift + (len(plain) - shift) // 3 * 3]
        # ASCII letters and digits never give the two characters in which base64 for URLs differs.
        found[f"in base64, shifted by {shift}"] = base64.b64encode(inside)
    return found


def _pieces(key: str, mark: str) -> set[str]:
    return {key[match.start() : match.end() + _OWN] for match in re.finditer(mark, key)}


def _a_mark() -> str:
    """Nine random characters, large and small letters and a digit among them, no piece of them like its reverse."""
    while True:
        mark = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_MARK))
        if re.search("[a-z]", mark) and re.search("[A-Z]", mark) and re.search("[0-9]", mark[1:-1]):
            return mark
