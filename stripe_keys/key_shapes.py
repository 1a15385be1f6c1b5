"""What a Stripe key or signing secret looks like in any text, so that it can be cut out. Without Django."""

import re

_PREFIX = r"(?:(?:sk|rk|pk|ek|rkcs)_(?:live|test)_|sk_org_(?:live_|test_)?|rkcs_|whsec_|absec_)"
# "desk_test_1234" is an honest word, so a key begins where a word begins; or, as in a repr, "\nrk_live_…" may stand
# behind an escape's "n" and "%2Frk_live_…" behind an "F": then what follows is as long as a key.
_KEY_SHAPED = re.compile(rf"((?:(?<![A-Za-z0-9])|(?={_PREFIX}[A-Za-z0-9]{{16}})){_PREFIX})[A-Za-z0-9_]{{4,}}")


def scrub(text: str) -> str:
    """Return `text` with every key-shaped string cut down to its prefix and an ellipsis."""
    return _KEY_SHAPED.sub(r"\1…", text)


def holds_a_key(text: str) -> bool:
    """Whether anything in `text` is shaped like a Stripe key or signing secret."""
    return _KEY_SHAPED.search(text) is not None
