"""A strict verifier of Stripe's signature scheme (`t=…,v1=…`), for webhooks and for the signed return of an install.

It stands in front of the SDK's, which lets several kinds of malformed header and body escape as other exceptions and
accepts moments in the future. Source: https://docs.stripe.com/webhooks#verify-manually.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

LONGEST_HEADER = 2_048
MOST_PARTS = 16
TOLERANCE_SECONDS = 300
_MOMENT = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BadSignature(Exception):
    """The header does not prove that the holder of a signing secret sent these bytes now. The text is for our logs."""


@dataclass(frozen=True)
class SigningSecret:
    """A signing secret and the name that logs and the ops desk know it by."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"<SigningSecret {self.name}>"


@dataclass(frozen=True)
class Claim:
    """What a header says: that the bytes it came with were signed so, at that moment. Nothing of it is proven."""

    moment: str
    signatures: tuple[str, ...]


def read_header(header: str, *, now: datetime) -> Claim:
    """What the header claims, before any body is read, if that was within 300 seconds of `now`, in the past or future.

    Raises:
        BadSignature: malformed header, or the wrong moment.
    """
    moment, signatures = _parts(header)
    if abs(now.timestamp() - int(moment)) > TOLERANCE_SECONDS:
        raise BadSignature("outside the time window")
    return Claim(moment, tuple(signatures))


def secret_that_fits(claim: Claim, body: bytes, secrets: Iterable[SigningSecret]) -> str:
    """The name of the first secret with which `body` was signed as claimed; all are tried, however early one fits.

    Raises:
        BadSignature: no secret fits.
    """
    signed = claim.moment.encode() + b"." + body
    matching = ""
    for secret in secrets:
        expected = hmac.digest(secret.value.encode(), signed, "sha256").hex().encode()
        for signature in claim.signatures:
            if hmac.compare_digest(expected, signature.encode()) and not matching:
                matching = secret.name
    if not matching:
        raise BadSignature("no secret fits")
    return matching


def verify(header: str, body: bytes, secrets: Iterable[SigningSecret], *, now: datetime) -> str:
    """The name of the secret that signed `body`, within 300 seconds of `now` into the past or the future.

    Raises:
        BadSignature: malformed header, wrong moment, or no secret fits.
    """
    return secret_that_fits(read_header(header, now=now), body, secrets)


def _parts(header: str) -> tuple[str, list[str]]:
    if not header.isascii() or not 0 < len(header) <= LONGEST_HEADER:
        raise BadSignature("malformed header")
    pairs = [part.partition("=") for part in header.split(",")]
    if len(pairs) > MOST_PARTS:
        raise BadSignature("too many parts")
    moments = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1"]
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]):
        raise BadSignature("malformed moment")
    if not signatures or not all(_SIGNATURE.fullmatch(signature) for signature in signatures):
        raise BadSignature("malformed signature")
    return moments[0], signatures
