"""Shapes of ids and keys, as Stripe makes them; all of them random."""

import re
import secrets
import string

ALPHANUMERIC = string.ascii_letters + string.digits
BODY_LENGTH = 99
PREFIX_LENGTH = 8

_ANY_SECRET = re.compile(r"(?:[a-z]{2}_(?:live|test|org|prod)|whsec|absec)_[A-Za-z0-9_]+")
KIND_PREFIXES = {"restricted": "rk", "secret": "sk", "publishable": "pk"}


def letters(count: int) -> str:
    """Return that many random letters and digits."""
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(count))


def account_id() -> str:
    """Return a new account id: `acct_` and 16 characters, the first a 1."""
    return "acct_1" + letters(15)


def key_id(account: str) -> str:
    """Return a new key id: `mk_` and 24 characters, the middle ten repeating the account's last ten."""
    return f"mk_1{letters(5)}{account[-10:]:x>10}{letters(8)}"


def token(kind: str, account: str, *, livemode: bool) -> str:
    """Return a new key of this kind: prefix and 99 characters that begin with a 5 and the account's own."""
    prefix = f"{KIND_PREFIXES[kind]}_{'live' if livemode else 'test'}_"
    head = "5" + account.removeprefix("acct_")[:20]
    return prefix + head + letters(BODY_LENGTH - len(head))


def publishable_token(account: str, *, livemode: bool) -> str:
    """Return the account's publishable key; the same at each call, as it is no secret."""
    mode = "live" if livemode else "test"
    return f"pk_{mode}_5{account.removeprefix('acct_')}Publishable"


def object_id(prefix: str) -> str:
    """Return a new id such as `evt_1…` with 24 characters after the prefix."""
    return f"{prefix}_1{letters(23)}"


def event_id(*, livemode: bool) -> str:
    """Return a new event id; test events carry `test` and a 65."""
    return f"evt_{'' if livemode else 'test_'}65{letters(30)}"


def shortened(value: str) -> str:
    """Return what Stripe shows of a key: prefix, three dots, last four."""
    return f"{value[:PREFIX_LENGTH]}...{value[-4:]}"


def starred(value: str, shown: int) -> str:
    """Return the key with its middle replaced by asterisks, keeping the prefix and the last `shown` characters."""
    if len(value) <= PREFIX_LENGTH + shown:
        return "*" * max(len(value) - 2, 3) + value[-2:]
    hidden = len(value) - PREFIX_LENGTH - shown
    return value[:PREFIX_LENGTH] + "*" * hidden + value[-shown:]


def hidden(text: str) -> str:
    """Return the text without what looks like a key or a signing secret, whole or cut off."""
    return _ANY_SECRET.sub(lambda found: found[0][:PREFIX_LENGTH] + "...", text)
