"""The six digits an authenticator app would show now (RFC 6238), for the demo's ops user."""

import base64
import hashlib
import hmac
import secrets
import struct
import time

PERIOD_SECONDS = 30


def fresh_totp_secret() -> str:
    """A random secret in base32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp_code(secret: str, *, at: float | None = None) -> str:
    """The code for this secret, at a moment in seconds since the epoch (default: now)."""
    counter = int(time.time() if at is None else at) // PERIOD_SECONDS
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
