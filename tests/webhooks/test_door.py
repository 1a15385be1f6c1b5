"""What the door answers to every odd delivery; a row of the table each. No answer gives a reason, none is a 500."""

import gzip
import io
import json
import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.people import a_signing_secret
from tests.webhooks.deliveries import (
    ADDRESS,
    JSON,
    a_notification,
    a_snapshot,
    an_event_id,
    deliver,
    deliver_event,
    encoded,
    header_for,
    signature,
    the_secret,
)
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db


def now(drift: int = 0) -> str:
    return str(int(time.time()) + drift)


def deliver_with_moment(moment: str) -> int:
    """A delivery whose signature is right for `moment`."""
    body = encoded(a_notification())
    return int(deliver(body, header=f"t={moment},v1={signature(body, moment=moment)}").status_code)


class _NotRead(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("The body was read.")


# --- Taken -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [a_notification(), a_snapshot()], ids=["thin", "snapshot"])
def test_good_event_is_kept_and_answered_with_nothing(event: dict[str, Any]) -> None:
    answer = deliver_event(event)

    assert (answer.status_code, answer.content, answer.cookies) == (200, b"", {})
    row = EventNotification.objects.get()
    assert (row.event_id, row.type, row.body) == (event["id"], event["type"], encoded(event).decode())
    assert row.state == EventNotification.State.WAITING


def test_what_a_notification_says_is_taken_over() -> None:
    deliver_event(a_notification(context="acct_1PlatformTests00/acct_1MerchantTests00"))

    row = EventNotification.objects.get()
    assert (row.payload, row.livemode, row.secret_name) == ("thin", False, "events")
    assert row.context == "acct_1PlatformTests00/acct_1MerchantTests00"
    assert row.stripe_account_id == row.lane == "acct_1MerchantTests00"
    assert row.stripe_created_at is not None
    assert row.stripe_created_at.isoformat() == "2026-11-21T10:00:00+00:00"


def test_account_of_a_snapshot_is_not_its_context() -> None:
    deliver_event(a_snapshot(account="acct_1MerchantTests00", context="acct_1PlatformTests00"))

    assert EventNotification.objects.get().stripe_account_id == "acct_1MerchantTests00"


def test_install_names_the_account_where_the_snapshot_does_not() -> None:
    install = {"id": "appinst_1", "account": "acct_1MerchantTests00", "app": "app_1"}
    deliver_event(a_snapshot(type="apps.install.deleted", account=None, data={"object": install}))

    assert EventNotification.objects.get().stripe_account_id == "acct_1MerchantTests00"


def test_both_spellings_of_the_address_answer_without_a_redirect() -> None:
    assert reverse("webhooks:receive") == ADDRESS
    body = encoded(a_notification())

    assert deliver(body, address=ADDRESS.rstrip("/")).status_code == 200


def test_one_statement_and_neither_session_nor_cookie(django_assert_num_queries: Any) -> None:
    body = encoded(a_notification())

    with django_assert_num_queries(1):
        answer = deliver(body)

    assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_content_type_does_not_matter(content_type: str) -> None:
    assert deliver(encoded(a_notification()), CONTENT_TYPE=content_type).status_code == 200


def test_one_right_signature_of_two_is_enough() -> None:
    body, moment = encoded(a_notification()), now()
    wrong = signature(body, secret=a_signing_secret(), moment=moment)
    right = signature(body, moment=moment)

    assert deliver(body, header=f"t={moment},v1={wrong},v1={right}").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"type": "v9.something.new"},
        {"livemode": True},
        {"livemode": None},
        {"context": None},
        {"context": "acct_1/../../v1/accounts"},
        {"context": "../../etc/passwd"},
        {"context": "\x00\ud800"},
        {"context": ["acct_1MerchantTests00"]},
        {"created": "yesterday"},
        {"created": 10**19},
        {"created": "0001-01-01T00:00:00+14:00"},
        {"reason": "\x00"},
        {"object": None},
    ],
    ids=str,
)
def test_odd_but_signed_events_are_kept(change: dict[str, Any]) -> None:
    assert deliver_event(a_notification(**change)).status_code == 200
    assert EventNotification.objects.count() == 1


def test_odd_context_is_kept_in_the_body_alone(caplog: pytest.LogCaptureFixture) -> None:
    deliver_event(a_notification(context="acct_1/../../v1/accounts"))

    row = EventNotification.objects.get()
    assert (row.context, row.stripe_account_id, row.lane) == ("", "", "platform")
    assert "no path of ids" in caplog.text


def test_event_without_a_context_member_is_kept() -> None:
    event = a_notification()
    del event["context"]

    assert deliver_event(event).status_code == 200


# --- Refused ---------------------------------------------------------------------------------------------------------


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
    settings.STRIPE_WEBHOOK_SECRETS = [f"current:{new}", f"previous:{old}"]
    assert deliver(body, header=header).status_code == 200
    assert EventNotification.objects.get().secret_name == "previous"


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
    bomb = gzip.compress(b"0" * 50_000_000)

    answer = deliver(bomb, HTTP_CONTENT_ENCODING="gzip", stream=_NotRead())

    assert answer.status_code == 400


# --- Twice -----------------------------------------------------------------------------------------------------------


def test_same_event_again_changes_nothing() -> None:
    event = a_notification()

    answers = [deliver_event(event).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert EventNotification.objects.get().other_bodies == 0


def test_same_id_with_another_body_is_counted_and_the_first_kept(caplog: pytest.LogCaptureFixture) -> None:
    first = a_notification(id=an_event_id())
    deliver_event(first)

    answer = deliver_event({**first, "type": "v2.iam.api_key.expired"})

    assert answer.status_code == 200
    row = EventNotification.objects.get()
    assert (row.type, row.other_bodies) == (first["type"], 1)
    assert "another body" in caplog.text


def test_stripes_own_library_signs_what_the_door_takes() -> None:
    import stripe

    body = encoded(a_notification())
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), the_secret())

    assert deliver(body, header=header).status_code == 200
