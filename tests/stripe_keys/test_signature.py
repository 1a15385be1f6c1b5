"""The strict verifier: accepts what Stripe signs, and names the secret; refuses everything else with one exception."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from stripe_keys.signature import BadSignature, SigningSecret, verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BODY = b'{"id":"evt_1"}'
CURRENT, PREVIOUS = SigningSecret("current", "one-secret"), SigningSecret("previous", "another-secret")


def signed(body: bytes = BODY, *, secret: SigningSecret = CURRENT, at: datetime = NOW) -> str:
    """A header as Stripe's own library makes it."""
    moment = int(at.timestamp())
    return str(
        stripe.WebhookSignature.generate_signature_header(body.decode(), secret.value, timestamp=moment)
    )


def signature_of(header: str) -> str:
    return header.rpartition("v1=")[2]


def test_header_made_by_stripes_library_names_the_secret() -> None:
    assert verify(signed(), BODY, [PREVIOUS, CURRENT], now=NOW) == "current"


def test_one_fitting_signature_among_several_is_enough() -> None:
    moment, _, first = signed(secret=PREVIOUS).partition(",")
    header = f"{moment},{first},v1={signature_of(signed())},v0={'0' * 64}"

    assert verify(header, BODY, [CURRENT], now=NOW) == "current"


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_window_is_five_minutes_to_both_sides(drift: int) -> None:
    assert verify(signed(at=NOW + timedelta(seconds=drift)), BODY, [CURRENT], now=NOW)


@pytest.mark.parametrize("drift", [-301, 301, -86_400, 86_400 * 365])
def test_outside_the_window_is_refused(drift: int) -> None:
    with pytest.raises(BadSignature):
        verify(signed(at=NOW + timedelta(seconds=drift)), BODY, [CURRENT], now=NOW)


def test_altered_body_and_wrong_secret_are_refused() -> None:
    with pytest.raises(BadSignature):
        verify(signed(), BODY + b" ", [CURRENT], now=NOW)
    with pytest.raises(BadSignature):
        verify(signed(), BODY, [PREVIOUS], now=NOW)
    with pytest.raises(BadSignature):
        verify(signed(), BODY, [], now=NOW)


STAMP = int(NOW.timestamp())
RIGHT = signature_of(signed())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"t={STAMP}",
        f"v1={RIGHT}",
        f"t={STAMP},v0={RIGHT}",
        f"t={STAMP}, v1={RIGHT}",
        f"t={STAMP},t={STAMP},v1={RIGHT}",
        f"t=0,v1={RIGHT}",
        f"t=-{STAMP},v1={RIGHT}",
        f"t={str(STAMP)[0]}_{str(STAMP)[1:]},v1={RIGHT}",
        f"t={'٣' * 10},v1={RIGHT}",
        f"t={'9' * 5_000},v1={RIGHT}",
        f"t={STAMP},v1={RIGHT.upper()}",
        f"t={STAMP},v1={'é' * 64}",
        f"t={STAMP}," + ",".join([f"v1={RIGHT}"] * 16),
        f"t={STAMP},v1={RIGHT}" + "," * 9_000,
    ],
)
def test_malformed_headers_are_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        verify(header, BODY, [CURRENT], now=NOW)


@given(header=st.text(), body=st.binary())
def test_nothing_but_bad_signature_ever_comes_out(header: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(header, body, [CURRENT, PREVIOUS], now=NOW)


def test_secret_does_not_print() -> None:
    assert CURRENT.value not in repr(CURRENT)
