"""The body of an event without whatever in it is shaped like a key. Stripe sends none; a person may have typed one."""

import json

from stripe_keys.key_shapes import holds_a_key, scrub

# What every key-shaped string has in it; looked for first, since nearly no body has any of them.
_MARKS = ("k_live_", "k_test_", "sk_org_", "rkcs_", "whsec_", "absec_")


def may_hold_a_key(text: str) -> bool:
    """Whether it is worth a closer look; costs next to nothing."""
    return any(mark in text for mark in _MARKS)


def without_keys(text: str) -> str | None:
    """`text`, which is JSON, with every key-shaped string cut down to its prefix; None if there is none in it.

    What JSON writes in another way (`rk\\u005flive_…`) is found too; then the whole body is written anew.
    """
    if may_hold_a_key(text) and holds_a_key(text):
        text, is_masked = scrub(text), True
    else:
        is_masked = False
    if "\\u" not in text:
        return text if is_masked else None
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    if may_hold_a_key(plain) and holds_a_key(plain):
        return _in_ascii(scrub(plain))
    return text if is_masked else None


def _in_ascii(text: str) -> str:
    """The same JSON in ASCII, which every store takes: half of a surrogate pair is no UTF-8."""
    return json.dumps(json.loads(text))
