"""What the door takes, however odd, and what it makes of the same event twice."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Notice
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
    now,
    signature,
    the_secret,
)
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db


# --- Once -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("method", ["post", "get"])
@pytest.mark.parametrize("status", [200, 400])
def test_answer_says_nothing_and_knows_nobody(
    adas_browser: Client, django_assert_num_queries: Any, method: str, status: int
) -> None:
    body = encoded(a_notification())
    header = header_for(body) if status == 200 else "garbage"

    with django_assert_num_queries(1 if (method, status) == ("post", 200) else 0):
        answer = adas_browser.generic(
            method.upper(), ADDRESS, body, content_type=JSON, headers={"Stripe-Signature": header}
        )

    assert (answer.status_code, answer.content) == (status if method == "post" else 405, b"")
    assert dict(answer.cookies) == {}
    assert {"Vary", "Set-Cookie", "Location"} & set(answer.headers) == set()
    assert answer.headers["Cache-Control"] == "no-store, private"


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
    assert row.event_id in Notice.objects.get().body


def test_event_without_a_context_member_is_kept() -> None:
    event = a_notification()
    del event["context"]

    assert deliver_event(event).status_code == 200


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


def test_answer_is_as_bare_as_machines_need_it() -> None:
    """What people's pages need is left out; a host that is not ours is refused all the same."""
    answer = deliver(encoded(a_notification()))

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "0")
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert deliver(encoded(a_notification()), HTTP_HOST="elsewhere.example.com").status_code == 400
    assert EventNotification.objects.count() == 1
