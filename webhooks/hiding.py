"""The body of an event without whatever in it is shaped like a key. Stripe sends none; a person may have typed one."""

import re

from stripe_keys.key_shapes import holds_a_key, scrub

# What every key-shaped string has in it; looked for first, since nearly no body has any of them.
_MARKS = ("k_live_", "k_test_", "sk_org_", "rkcs_", "whsec_", "absec_")
# A letter, digit or underscore as JSON may write it (in a string inside a string: behind more backslashes), and as an
# address may, even inside another address (%255F).
_OF_KEYS = "(3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9Aa])"
_WRITTEN_OTHERWISE = re.compile(rf"(?<!\\)\\+u00{_OF_KEYS}|%(?:25)*{_OF_KEYS}")


def may_hold_a_key(text: str) -> bool:
    """Whether it is worth a closer look; costs next to nothing."""
    return any(mark in text for mark in _MARKS)


def without_keys(text: str) -> str | None:
    """`text`, which is JSON, with every key-shaped string cut down to its prefix; None if there is none in it.

    Where letters of a key are written in another way (`rk\\u005flive_…`, `rk%5Flive_…`), all such letters of the body
    are written plainly, of which it stays JSON. Members named like keys may have one name afterwards: read what was
    masked with `may_repeat`.
    """
    plain = text
    if "\\u00" in text or "%" in text:
        plain = _WRITTEN_OTHERWISE.sub(_plainly, text)
    for each in (plain, text):
        if may_hold_a_key(each) and holds_a_key(each):
            return scrub(each)
    return None


def _plainly(letter: re.Match[str]) -> str:
    return chr(int(letter[1] or letter[2], 16))
