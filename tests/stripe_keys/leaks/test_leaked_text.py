"""Every key in a leaked text is found, whatever was done to its lines; and a shortened one is said to be so."""

import base64
import json
import textwrap
from collections.abc import Callable
from urllib.parse import quote

import pytest

from stripe_keys.leaks.leaked_text import MOST_KEYS, Reading, read_leaked
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
    "in Markdown": lambda key: f"it is {key} here".replace("_", "\\_"),
    "in JSON that escapes underscores": lambda key: json.dumps({"key": key}).replace("_", "\\u005f"),
    "in HTML": lambda key: f"<code>{key}</code>".replace("_", "&#95;"),
    "in HTML, by name": lambda key: key.replace("_", "&lowbar;"),
    "in HTML, escaped twice": lambda key: key.replace("_", "&amp;#x5f;"),
    "in an address in an address": lambda key: key.replace("_", "%255F"),
    "in an address three addresses deep": lambda key: key.replace("_", "%25255F"),
    "coloured by grep": lambda key: f"a:\x1b[01;31m\x1b[K{key[:8]}\x1b[m\x1b[K{key[8:]}",
    "as a coloured log in JSON": lambda key: f"\\u001b[31m{key[:8]}\\u001b[0m{key[8:]}",
    "in base64, one byte on": lambda key: base64.b64encode(f"x{key}".encode()).decode(),
    "in base64, two bytes on": lambda key: base64.b64encode(f"xy{key}:".encode()).decode(),
    "in base64, as a header": lambda key: base64.b64encode(f"x-api-key: {key}\r\n".encode()).decode(),
    "in base64, wrapped": lambda key: base64.encodebytes(f"STRIPE_API_KEY='{key}'".encode()).decode(),
    "in base64 of addresses": lambda key: base64.urlsafe_b64encode(f"~~~?{key}".encode()).decode(),
    "with wide underscores": lambda key: key.replace("_", "\uff3f"),
    "split by a tag": lambda key: f"{key[:40]}<br>{key[40:]}",
    "split by a tag and a line": lambda key: f"{key[:40]}<br />\r\n    {key[40:]}",
    "split by a place to break": lambda key: f"{key[:30]}<wbr>{key[30:70]}<wbr>{key[70:]}",
    "split by a space": lambda key: f"{key[:40]} {key[40:]}",
    "split by a hard space": lambda key: f"{key[:40]}\xa0{key[40:]}",
    "split by a line separator": lambda key: f"{key[:40]}\u2028{key[40:]}",
    "added up in a program": lambda key: f'k = "{key[:40]}" + "{key[40:]}"',
    "added up over lines": lambda key: f"k = '{key[:40]}' +\n    '{key[40:]}'",
    "added up behind the prefix": lambda key: f'k = "{key[:8]}" + "{key[8:]}"',
    "wrapped in the prefix": lambda key: f"{key[:5]}\n> {key[5:]}",
    "wrapped behind the prefix": lambda key: f"{key[:8]}\n{key[8:]}",
    "in an environment": lambda key: f"PATH=/bin\0STRIPE={key}\0HOME=/root\0",
    "in UTF-16": lambda key: f"key {key}\n".encode("utf-16-le").decode(),
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


def test_at_most_a_thousand_are_read_and_the_rest_is_owned_up_to() -> None:
    keys = [a_restricted_key() for _ in range(MOST_KEYS + 1)]

    assert not read_leaked("\n".join(keys[:MOST_KEYS])).is_cut
    reading = read_leaked("\n".join(keys))

    assert len(reading.keys) == MOST_KEYS == 1000
    assert reading.is_cut
    assert holds(reading, keys[MOST_KEYS - 1])


def test_both_keys_of_one_account_are_found_wrapped_alike() -> None:
    account = f"rk_test_51{some_letters(14)}"
    keys = [account + some_letters(83) for _ in range(3)]

    reading = read_leaked("\n\n".join("\n".join(textwrap.wrap(key, 24)) for key in keys))

    assert all(holds(reading, key) for key in keys)


def test_key_is_found_behind_its_own_beginning() -> None:
    key = a_restricted_key()

    reading = read_leaked(f"STRIPE={key[:24]} ...\n\n{key[:24]}\n{key[24:]}\n")

    assert holds(reading, key)


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
     "cmtfbGl2ZV8" * 5000, "rk_live_" + "." * 60_000, "%72%6b" * 10_000, "rk_test_" + "b" * 60_000, "%25" * 20_000,
     "rk_live_abcdefghij " * 3200, "rk\\_live\\_abcdefghij\\n" * 2600, "\\" * 60_000, "&#95;" * 12_000,
     "&#" + "9" * 60_000, "\\u005f" * 10_000, "<" * 60_000, "<a" * 30_000, '"+' * 30_000, "\x1b[" * 30_000,
     " \t" * 30_000, "\u0327\u0301" * 15_000,
     "\ufdfa" * 20_000, "\0" * 60_000, "r k " * 15_000, "rk_live_a a a a a a a " * 2700, "a2xpdmVf" * 7500],
    ids=lambda text: ascii(text)[:16],
)  # fmt: skip
def test_no_text_keeps_the_reader_busy(text: str) -> None:
    from time import thread_time

    start = thread_time()
    read_leaked(text)

    assert thread_time() - start < 1


def test_reading_shows_no_key() -> None:
    key = a_restricted_key(livemode=True)

    assert key[12:30] not in repr(read_leaked(f"a {key} b {some_letters(5)}"))
