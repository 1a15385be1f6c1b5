"""One line of the deletion ledger: an entry that is complete in every part, or none.

Nothing that a line may hold can stop who reads the file. A torn line (a full disk, a power cut) is no JSON, or has no
end; any other that is no entry was written by somebody else, or spoiled.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

VERSION: Final = 1
_LONGEST_KIND = 20
_NEEDED: Final = {
    "key_erased": "key",
    "key_suspended": "key",
    "key_resumed": "key",
    "merchant_closed": "merchant",
}
Record = dict[str, Any]


class Torn(ValueError):
    """The line was not written to its end."""


class IllFormed(ValueError):
    """The line is whole, and no entry."""


def read(line: bytes) -> Record:
    """The entry that a line holds, its ids and its moment written as the site writes them.

    Of an entry of another version only `v`, `entry` and `kind` are looked at: the rest may be anything.

    Raises:
        Torn: it does not end, or is no JSON.
        IllFormed: it is JSON, and a part of an entry is missing, or cannot be what it should.
    """
    if not line.endswith(b"\n"):
        raise Torn
    try:
        found = json.loads(line.decode())
    except ValueError:
        raise Torn from None
    except RecursionError:
        raise IllFormed from None
    try:
        return dict(found) | _entry_in(found)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise IllFormed from None


def _entry_in(found: Any) -> Record:
    version, kind = found["v"], _text(found["kind"])
    if type(version) is not int or not 0 < len(kind) <= _LONGEST_KIND:
        raise IllFormed
    record = {"v": version, "entry": _id(found["entry"]), "kind": kind}
    if version != VERSION:
        return record
    for name in ("merchant", "key"):
        is_needed = _NEEDED.get(kind) == name
        record[name] = None if found[name] is None and not is_needed else _id(found[name])
    record |= {name: _text(found[name]) for name in ("status", "reason")}
    return record | {"at": _moment(found["at"])}


def _text(found: Any) -> str:
    """A text that the database can hold."""
    if not isinstance(found, str) or "\0" in found:
        raise IllFormed
    found.encode()  # refuses half a character
    return found


def _id(found: Any) -> str:
    return str(UUID(_text(found)))


def _moment(found: Any) -> str:
    at = datetime.fromisoformat(_text(found))
    if at.tzinfo is None:
        raise IllFormed
    return at.astimezone(UTC).isoformat()
