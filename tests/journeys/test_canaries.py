"""The search for canaries finds them in every disguise, whole or in pieces, and nothing else."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest

from stripe_keys.secret import Secret
from tests.journeys.canary import Canaries, Found, Hit
from tests.people import a_restricted_key

DISGUISES: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "a line of a log": lambda key: f"2026 INFO key={key}\n".encode(),
    "hex": lambda key: key.encode().hex().encode(),
    "HEX": lambda key: binascii.hexlify(key.encode()).upper(),
    "UTF-16": lambda key: key.encode("utf-16"),
    "UTF-16 BE": lambda key: key.encode("utf-16-be"),
    "URL": lambda key: quote(f"?key={key}").encode(),
    "every character quoted": lambda key: "".join(f"%{ord(each):02x}" for each in key).encode(),
    "reversed": lambda key: key[::-1].encode(),
    "capitals": lambda key: key.upper().encode(),
    "small letters": lambda key: key.lower().encode(),
    "JSON": lambda key: json.dumps({"key": f'"{key}"'}).encode(),
    "repr of bytes": lambda key: "".join(f"\\x{ord(each):02x}" for each in key).encode(),
    "JSON escapes": lambda key: "".join(f"\\u{ord(each):04x}" for each in key).encode(),
    "HTML": lambda key: "".join(f"&#{ord(each)};" for each in key).encode(),
    "Basic": lambda key: b"Basic " + base64.b64encode(f"{key}:".encode()),
    **{
        f"base64 behind {count}": lambda key, count=count: base64.b64encode(  # type: ignore[misc]
            b"{" * count + key.encode() + b"}"
        )
        for count in range(3)
    },
    **{
        f"base64 for URLs behind {count}": lambda key, count=count: base64.urlsafe_b64encode(  # type: ignore[misc]
            b"\xff" * count + key.encode()
        )
        for count in range(3)
    },
    **{f"20 characters from {at}": lambda key, at=at: key[at : at + 20].encode() for at in range(29, 83)},  # type: ignore[misc]
}


def hits(canaries: Canaries, data: bytes) -> list[Hit]:
    return list(canaries.hits([Found("log", "web.log", data)]))


@pytest.mark.parametrize("name", DISGUISES)
def test_a_canary_is_found_in_its_disguise(name: str) -> None:
    canaries = Canaries()
    canaries.key("another")

    found = hits(canaries, b"\0before" + DISGUISES[name](canaries.key("login form")) + b"after")

    assert found
    assert {(hit.sink, hit.place) for hit in found} == {("log", "web.log")}


@pytest.mark.parametrize("name", [name for name in DISGUISES if not name.startswith("20 ")])
def test_a_whole_canary_says_where_it_was_pasted(name: str) -> None:
    canaries = Canaries()
    keys = {place: canaries.key(place) for place in ("login form", "header", "address")}

    found = hits(canaries, DISGUISES[name](keys["header"]))

    assert {hit.canary for hit in found} >= {"header"}


def test_a_stranger_is_no_canary() -> None:
    canaries = Canaries()
    key = canaries.key("form")

    assert hits(canaries, a_restricted_key().encode()) == []
    assert hits(canaries, f"{key[:25]}… {key[-4:]}".encode()) == []


def test_a_canary_is_a_key_like_any_other() -> None:
    canaries = Canaries()

    assert Secret(canaries.key("form")).last4 == canaries.key("form")[-4:]
    assert Secret(canaries.key("live", kind="rk_live")).livemode
    assert len({canaries.key("form"), canaries.key("live", kind="rk_live"), canaries.key("third")}) == 3
    assert re.fullmatch(r"rk_test_5[A-Za-z0-9]{98}", canaries.key("form"))


@pytest.mark.parametrize("disguise", ["as it is", "reversed", "hex", "base64 behind 1"])
def test_key_that_somebody_else_has_made_is_found_by_its_name(disguise: str) -> None:
    canaries, text = Canaries(), a_restricted_key()
    canaries.add("theirs", text)

    found = hits(canaries, DISGUISES[disguise](text))

    assert {hit.canary for hit in found} == {"theirs"}
    assert hits(canaries, a_restricted_key().encode()) == []
