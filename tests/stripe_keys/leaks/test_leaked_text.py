"""Every key in a leaked text is found, whatever was done to its lines; and a shortened one is said to be so."""

import base64
import json
import textwrap
from collections.abc import Callable
from urllib.parse import quote

import pytest

from stripe_keys.leaked_text import MOST_KEYS, Reading, read_leaked
from stripe_keys.secret import Secret
from tests.people import a_restricted_key, a_secret_key, some_letters


def holds(reading: Reading, key: str) -> bool:
    return any(Secret(key) == secret for readings in reading.keys for secret in readings)


def basic(key: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{key}:".encode()).decode()


WRITTEN: dict[str, Callable[[str], str]] = {
    "alone": lambda key: key,
    "with spaces": lambda key: f"  {key}\r\n",
    "in double quotes": lambda key: f'"{key}"',
    "in typeset quotes": lambda key: f"“{key}”",
    "as a setting": lambda key: f"export STRIPE_KEY={key};",
    "as JSON": lambda key: json.dumps({"key": key}),
    "as JSON in JSON": lambda key: json.dumps(json.dumps({"key": key})),
    "as a Python repr": lambda key: repr(f"first line\n{key}\nlast line"),
    "as a bearer": lambda key: f"-H 'Authorization: Bearer {key}'",
    "in an address": lambda key: f"https://{key}:@api.stripe.com/v1/charges",
    "in an encoded address": lambda key: quote(f"a=b&api_key={key}&c=d", safe=""),
    "encoded down to the underscore": lambda key: quote(f"k={key}", safe="").replace("_", "%5F") + "%26x",
    "in the Basic scheme": basic,
    "in the Basic scheme, in JSON": lambda key: json.dumps({"headers": [basic(key)]}),
    "wrapped": lambda key: "\n".join(textwrap.wrap(f"The key: {key}", 40)),
    "wrapped by Windows, indented": lambda key: "\r\n    ".join(textwrap.wrap(key, 40)),
    "wrapped in a quoted mail": lambda key: "\n".join(f"> {line}" for line in textwrap.wrap(key, 30)),
    "wrapped by quoted-printable": lambda key: "=\n".join(textwrap.wrap(key, 60)),
    "wrapped in a shell": lambda key: "\\\n".join(textwrap.wrap(key, 60)),
    "wrapped, then as JSON": lambda key: json.dumps("\n".join(textwrap.wrap(key, 50))),
    "with invisible characters": lambda key: f"\ufeff{key[:20]}\u200b{key[20:]}\u00ad",
    "followed by a line of text": lambda key: f"{key}\nand then it stopped",
    "in a table": lambda key: f"| {key} | live |",
    "between broken bytes": lambda key: f"\ufffd\x01{key}\ufffd\x1b[0m",
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("livemode", [True, False], ids=["live", "test"])
def test_key_is_found_however_it_is_written(written: str, livemode: bool) -> None:
    key = a_restricted_key(livemode=livemode)

    reading = read_leaked(WRITTEN[written](key))

    assert holds(reading, key)
    assert len(reading.keys) == 1
    assert not reading.is_cut


def test_each_key_of_a_log_is_found_and_counts_once() -> None:
    keys = [a_restricted_key(livemode=True), a_restricted_key(), a_secret_key(livemode=True)]
    lines = [f'2026-01-01T00:00:00Z {{"try": {turn}, "key": "{key}"}}' for turn in range(5) for key in keys]

    reading = read_leaked("\n".join(lines))

    assert len(reading.keys) == 3
    assert all(holds(reading, key) for key in keys)


def test_at_most_fifty_are_read_and_the_rest_is_owned_up_to() -> None:
    keys = [a_restricted_key() for _ in range(MOST_KEYS + 1)]

    assert not read_leaked("\n".join(keys[:MOST_KEYS])).is_cut
    reading = read_leaked("\n".join(keys))

    assert len(reading.keys) == MOST_KEYS
    assert reading.is_cut
    assert holds(reading, keys[MOST_KEYS - 1])


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("rk_live_...Ab9z", ["Ab9z"]),
        ("rk_live_51Hxyz…Ab9z and sk_test_****Cd8y, rk_live_...Ab9z", ["Ab9z", "Cd8y"]),
        ("rk_live_••••••", []),
        ("rk_live_…Ab9zMore", []),
    ],
)
def test_shortened_keys_are_known_by_their_ends_at_most(text: str, ends: list[str]) -> None:
    reading = read_leaked(text)

    assert reading.keys == []
    assert reading.ends == ends
    assert reading.shortened >= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of interest",
        "rk_live_",
        "rk_live_short",
        "rk_prod_" + "a" * 30,
        "pk_live_" + "a" * 30,
        "RK_LIVE_" + "A" * 30,
        "rk_live_" + "a" * 300,
        "%",
        "%ff%00%",
        "cmtfbGl2ZV8" + "=" * 12,
        "cmtfbGl2ZV8AAAAAAAAAA",
    ],
)
def test_what_is_no_key_is_not_read(text: str) -> None:
    reading = read_leaked(text)

    assert (reading.keys, reading.shortened, reading.is_cut) == ([], 0, False)


@pytest.mark.parametrize(
    "text",
    ["rk_live_" * 8000, "rk_live_A\n" * 6500, "rk_live_" + " " * 60_000, "=\\ \t" * 16_000, "rk_live_" + "\n>" * 30_000,
     "cmtfbGl2ZV8" * 5000, "rk_live_" + "." * 60_000, "%72%6b" * 10_000, "rk_test_" + "b" * 60_000],
    ids=lambda text: ascii(text)[:16],
)  # fmt: skip
def test_no_text_keeps_the_reader_busy(text: str) -> None:
    from time import process_time

    start = process_time()
    read_leaked(text)

    assert process_time() - start < 3


def test_reading_shows_no_key() -> None:
    key = a_restricted_key(livemode=True)

    assert key[12:30] not in repr(read_leaked(f"a {key} b {some_letters(5)}"))
