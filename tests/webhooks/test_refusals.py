"""What the door refuses: everything that Stripe did not sign just now, and what no event looks like. Never a 500."""

import gzip
import io
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Notice
from tests.people import a_signing_secret
from tests.webhooks.deliveries import (
    ADDRESS,
    JSON,
    a_notification,
    a_snapshot,
    deliver,
    deliver_event,
    encoded,
    header_for,
    now,
    signature,
)
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db


def deliver_with_moment(moment: str) -> int:
    """A delivery whose signature is right for `moment`."""
    body = encoded(a_notification())
    return int(deliver(body, header=f"t={moment},v1={signature(body, moment=moment)}").status_code)


class _Counting(io.BytesIO):
    """A body without an end; `given` says how many bytes of it were taken."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "The whole body was read."
        self.given += size
        return b"x" * size


class _NotRead(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("The body was read.")


# --- Unread ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "garbage", "t=1,v1=" + "0" * 64, f"t={now()},v1=short"], ids=range(4))
def test_what_the_header_gives_away_is_refused_unread(header: str) -> None:
    assert deliver(b"", header=header, CONTENT_LENGTH="1000000", stream=_NotRead()).status_code == 400


def test_unsigned_bodies_of_two_megabytes_are_refused_unread_however_many() -> None:
    header = f"t={now()},v1={'0' * 64}"
    answers = {
        deliver(b"", header=header, CONTENT_LENGTH="2097152", stream=_NotRead()).status_code
        for _ in range(50)
    }

    assert answers == {413}
    assert not EventNotification.objects.exists()


@pytest.mark.parametrize("length", [1_048_576, 1_048_577])
def test_no_more_is_read_than_a_megabyte_and_a_byte(length: int) -> None:
    stream = _Counting()

    answer = deliver(b"", header=f"t={now()},v1={'0' * 64}", CONTENT_LENGTH=str(length), stream=stream)

    assert answer.status_code == (400 if length == 1_048_576 else 413)
    assert stream.given <= 1_048_577
    assert not EventNotification.objects.exists()


# --- Signatures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "put", "head", "options", "delete", "patch"])
def test_only_post_is_answered(method: str) -> None:
    assert getattr(Client(), method)(ADDRESS).status_code == 405


MALFORMED_HEADERS = {
    "none": None,
    "empty": "",
    "garbage": "garbage",
    "moment only": "t={now}",
    "signature only": "v1={right}",
    "v0 only": "t={now},v0={right}",
    "space after the comma": "t={now}, v1={right}",
    "two moments": "t={now},t={now},v1={right}",
    "not ASCII": "t={now},v1=\xe9{right}",
    "upper case": "t={now},v1={upper}",
    "100,000 signatures": "t={now}" + ",v1={right}" * 100_000,
    "9 KB": "t={now},v1={right}," + "x" * 9_000,
}


@pytest.mark.parametrize("shape", MALFORMED_HEADERS.values(), ids=MALFORMED_HEADERS)
def test_malformed_header_is_refused_without_a_reason(shape: str | None) -> None:
    body, moment = encoded(a_notification()), now()
    right = signature(body, moment=moment)
    environ: dict[str, Any] = {"content_type": JSON}
    if shape is not None:
        environ["HTTP_STRIPE_SIGNATURE"] = (
            shape.replace("{now}", moment).replace("{right}", right).replace("{upper}", right.upper())
        )

    answer = Client().post(ADDRESS, data=body, **environ)

    assert (answer.status_code, answer.content) == (400, b"")
    assert not EventNotification.objects.exists()


@pytest.mark.parametrize("drift", [-301, 301])
def test_moment_outside_the_window_is_refused(drift: int) -> None:
    assert deliver_with_moment(now(drift + (1 if drift > 0 else 0))) == 400


@pytest.mark.parametrize("drift", [-290, 290])
def test_moment_inside_the_window_is_taken(drift: int) -> None:
    assert deliver_with_moment(now(drift)) == 200


@pytest.mark.parametrize("moment", ["0", "-1", "1_795_255_200", "9" * 5_000, "", " 1", "1e9"])
def test_odd_moment_is_refused(moment: str) -> None:
    assert deliver_with_moment(moment) == 400


def test_arabic_digits_are_refused() -> None:
    arabic = now().translate({ord(str(digit)): chr(0x0660 + digit) for digit in range(10)})

    assert deliver_with_moment(arabic) == 400


def test_wrong_secret_is_refused() -> None:
    body = encoded(a_notification())

    assert deliver(body, header=header_for(body, secret=a_signing_secret())).status_code == 400


def test_old_secret_is_taken_by_its_name_during_the_overlap_and_refused_after(settings: Settings) -> None:
    old, new, body = a_signing_secret(), a_signing_secret(), encoded(a_notification())
    header = header_for(body, secret=old)

    settings.STRIPE_WEBHOOK_SECRETS = [f"current:{new}"]
    assert deliver(body, header=header).status_code == 400
    settings.STRIPE_WEBHOOK_SECRETS = [f"current:{new}", f"current.previous:{old}"]
    assert deliver(body, header=header).status_code == 200
    assert EventNotification.objects.get().secret_name == "current.previous"


@pytest.mark.parametrize("entry", ["", ":", "empty:", "whsec_", "short:whsec_"])
def test_secret_that_is_none_signs_nothing(settings: Settings, entry: str) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [entry]
    body = encoded(a_notification())

    for guessed in (entry.partition(":")[2], entry, "whsec_"):
        moment = now()
        header = f"t={moment},v1={signature(body, secret=guessed or chr(0), moment=moment)}"
        assert deliver(body, header=header).status_code == 400


def test_body_changed_by_a_byte_or_written_anew_is_refused() -> None:
    body = encoded(a_notification())
    header = header_for(body)

    for changed in (body[:-1] + b" ", body.replace(b", ", b","), b"\xef\xbb\xbf" + body, body + b"\n"):
        assert deliver(changed, header=header).status_code == 400
    assert not EventNotification.objects.exists()


BAD_BODIES = {
    "invalid UTF-8": b'{"id": "evt_1\xff", "type": "a.b"}',
    "UTF-8 with a mark": b"\xef\xbb\xbf" + encoded(a_notification()),
    "UTF-16": json.dumps(a_notification()).encode("utf-16"),
    "not JSON": b"{'id': 1}",
    "empty": b"",
    "array": b"[]",
    "string": b'"evt_1"',
    "null": b"null",
    "number": b"1",
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a little deep": b'{"id":"evt_1","type":"a.b","a":' + b"[" * 65 + b"]" * 65 + b"}",
    "giant number": b'{"id":"evt_1","type":"a.b","n":' + b"9" * 5_000 + b"}",
    "giant float": b'{"id":"evt_1","type":"a.b","n":1e999}',
    "NaN": b'{"id":"evt_1","type":"a.b","n":NaN}',
    "Infinity": b'{"id":"evt_1","type":"a.b","n":-Infinity}',
    "a key twice": b'{"id":"evt_1","id":"evt_2","type":"a.b"}',
    "a raw NUL": b'{"id":"evt_1","type":"a.b","n":"\x00"}',
    "two objects": b"{}{}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_signed_body_that_is_no_event_is_refused_and_somebody_is_told(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = deliver(body, CONTENT_LENGTH=str(len(body)))

    assert (answer.status_code, answer.content) == (400, b"")
    assert "a signed body is not an event" in caplog.text
    assert "body is no event" in Notice.objects.get().body
    assert not EventNotification.objects.exists()


def test_64_levels_are_not_too_deep() -> None:
    body = b'{"id":"evt_deep","type":"a.b","a":' + b"[" * 63 + b"]" * 63 + b"}"

    assert deliver(body).status_code == 200


@pytest.mark.parametrize(
    "event_id",
    [None, "", "evt_" + "x" * 2_048, "evt_\x00", 'evt_"', "evt_' OR 1=1", 7, "mk_1", "evt_é", "evt_1\n"],
)
def test_event_without_a_fitting_id_is_refused(event_id: object) -> None:
    assert deliver_event(a_notification(id=event_id)).status_code == 400


@pytest.mark.parametrize("kind", [None, "", 5, ["a"], "a" * 201, "a b", "\ud800", "<script>"])
def test_event_without_a_fitting_type_is_refused(kind: object) -> None:
    assert deliver_event(a_notification(type=kind)).status_code == 400


# --- Sizes -----------------------------------------------------------------------------------------------------------


def test_ten_megabytes_are_refused_unread() -> None:
    answer = deliver(b"", header="t=1,v1=x", CONTENT_LENGTH="10485760", stream=_NotRead())

    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "+5", "5.0", "\u0665"])
def test_odd_length_is_refused_unread(length: str) -> None:
    answer = deliver(b"", header="t=1,v1=x", CONTENT_LENGTH=length, stream=_NotRead())

    assert answer.status_code in (400, 413)


def test_body_without_a_length_is_refused() -> None:
    body = encoded(a_notification())

    answer = deliver(body, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked", stream=io.BytesIO(body))

    assert answer.status_code == 411


@pytest.mark.parametrize("lie", [-1, 1, 100])
def test_body_that_is_not_as_long_as_announced_is_refused(lie: int) -> None:
    body = encoded(a_notification())

    answer = deliver(body, CONTENT_LENGTH=str(len(body) + lie), stream=io.BytesIO(body))

    assert answer.status_code == 400


def test_thin_notification_ends_at_64_kilobytes_and_a_snapshot_at_a_megabyte() -> None:
    filling = {"reason": "x" * 70_000}

    assert deliver_event(a_notification(**filling)).status_code == 413
    assert deliver_event(a_snapshot(**filling)).status_code == 200
    assert deliver_event(a_snapshot(reason="x" * 1_048_576)).status_code == 413


def test_compressed_body_is_refused_and_never_inflated() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)

    answer = deliver(bomb, HTTP_CONTENT_ENCODING="gzip", stream=_NotRead())

    assert answer.status_code == 400
