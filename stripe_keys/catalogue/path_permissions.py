"""Which permission a request to Stripe needs, by its method and path template.

The list beside this module (`path_permissions.txt`) says for each line where Stripe, or somebody who measured it, says
so. What is not in it is not known, and never guessed.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stripe_keys.catalogue import PROBES, WITHOUT_PROBE

LIST = Path(__file__).with_name("path_permissions.txt")
_READING = ("GET", "HEAD")
_KNOWN = frozenset(PROBES) | {one.permission for one in WITHOUT_PROBE}

_Place = tuple[str, ...]


@dataclass(frozen=True)
class Opening:
    """A permission that opens paths, and where that is said: a word of the list's heading."""

    permission: str
    said_by: str


def permissions_for(method: str, path_template: str) -> tuple[str, ...]:
    """The permission that `POST /v1/customers/{customer}` needs: `("customer_write",)`; none where it is not known.

    Source: https://docs.stripe.com/keys/permissions-reference: GET needs read, the rest write; more in the list.
    """
    opening = opening_of(method, path_template)
    return (opening.permission,) if opening else ()


def opening_of(method: str, path_template: str) -> Opening | None:
    """As `permissions_for`, with its source; None where it is not known."""
    place, verb = _place(path_template), method.upper()
    exact = _exceptions().get((verb, place))
    if exact:
        return exact
    for end in range(len(place), 0, -1):
        found = _prefixes().get(place[:end])
        if found:
            name = f"{found.permission}_{'read' if verb in _READING else 'write'}"
            return Opening(name, found.said_by) if name in _KNOWN else None
    return None


def _place(path: str) -> _Place:
    """The segments of a path, every placeholder alike: their names differ from one method to the next."""
    segments = path.partition("?")[0].strip("/").split("/")
    return tuple("{}" if segment.startswith("{") else segment for segment in segments)


@cache
def _exceptions() -> dict[tuple[str, _Place], Opening]:
    return {
        (words[0], _place(words[1])): Opening(words[2], words[3]) for words in _lines() if len(words) == 4
    }


@cache
def _prefixes() -> dict[_Place, Opening]:
    return {_place(words[0]): Opening(words[1], words[2]) for words in _lines() if len(words) == 3}


def _lines() -> list[list[str]]:
    lines = LIST.read_text(encoding="ascii").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]
