"""Whatever in an event looks like a key is hidden before it is stored; the event is taken all the same."""

import json
import time
from hashlib import sha256
from typing import Any

import pytest

from accounts.models import Notice
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key, a_secret_key, a_signing_secret
from tests.stripe_keys.keys import StripeKey
from tests.webhooks.deliveries import a_notification, a_snapshot, deliver, deliver_event, encoded
from webhooks import hiding, reading
from webhooks.models import EventNotification
from work import engine

pytestmark = pytest.mark.django_db
KEYS = {
    "restricted": lambda: a_restricted_key(livemode=True),
    "secret": a_secret_key,
    "signing": a_signing_secret,
}


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_key_in_an_event_is_hidden_and_ops_are_told(
    make: Any, caplog: pytest.LogCaptureFixture, django_assert_max_num_queries: Any
) -> None:
    key = make()
    event = a_snapshot(data={"object": {"name": f"my key\n{key} {{", "note": f'"{key}"'}})

    with django_assert_max_num_queries(6):
        assert deliver_event(event).status_code == 200

    row = EventNotification.objects.get()
    assert row.is_masked
    assert key[12:] not in row.body
    assert json.loads(row.body)["id"] == event["id"]
    assert bytes(row.body_sha256) == sha256(encoded(event)).digest()
    told = Notice.objects.get()
    assert event["id"] in told.body
    assert key[12:] not in told.body + caplog.text
    assert "looks like a key" in caplog.text


def test_later_events_of_the_kind_and_account_are_hidden_without_a_mail() -> None:
    account = "acct_1MerchantTests00"
    for _ in range(2):
        deliver_event(a_snapshot(account=account, note=a_restricted_key()))

    assert EventNotification.objects.filter(is_masked=True).count() == 2
    assert Notice.objects.count() == 1


def test_same_event_again_is_no_conflict_though_its_body_is_hidden_in_part() -> None:
    event = a_snapshot(note=a_restricted_key())

    deliver_event(event)
    deliver_event(event)

    assert EventNotification.objects.get().other_bodies == 0


@pytest.mark.parametrize("split", ["\\u005f", "\\u006b\\u005f"])
def test_key_that_json_writes_otherwise_is_hidden(split: str) -> None:
    key = a_restricted_key(livemode=True)
    written = key.replace("_" if split == "\\u005f" else "k_", split, 1)
    body = encoded(a_notification(reason="XX")).replace(b"XX", f"{written} \\ud800".encode())

    assert deliver(body).status_code == 200

    row = EventNotification.objects.get()
    assert row.is_masked
    assert key[12:] not in row.body
    assert json.loads(row.body)["reason"].endswith("\ud800")


def test_event_is_processed_though_what_is_hidden_makes_two_members_one(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    metadata = {a_restricted_key(): 1, a_restricted_key(): {"x": 2}}
    event = a_snapshot(type="apps.install.updated", account=theirs.account, metadata=metadata)
    deliver_event(event)

    engine.drain("events")

    row = EventNotification.objects.get(event_id=event["id"])
    assert (row.state, row.outcome, row.problem) == ("done", "applied", "")
    assert row.is_masked


WRITTEN_OTHERWISE = {
    "JSON in JSON": lambda key: json.dumps({"k": key.replace("_", "\\u005f")}),
    "JSON in JSON in JSON": lambda key: json.dumps({"k": json.dumps({"k": key.replace("r", "\\u0072")})}),
    "behind a backslash": lambda key: "\\" + key.replace("_", "\\u005F"),
    "address": lambda key: "https://example.com/?k=" + key.replace("_", "%5F"),
    "address in an address": lambda key: "https://example.com/?k=" + key.replace("_", "%255f"),
    "begun plainly": lambda key: key[:14] + f"%{ord(key[14]):x}" + key[15:],
}


@pytest.mark.parametrize("write", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE)
def test_key_inside_another_notation_is_hidden(write: Any) -> None:
    key = a_restricted_key(livemode=True)
    event = a_notification(reason=f'100 % "{write(key)}" \\u0022 \u201c %22')

    assert deliver_event(event).status_code == 200

    row = EventNotification.objects.get()
    assert row.is_masked
    assert key[15:] not in row.body
    told = reading.parse(row.body)
    assert told["id"] == event["id"]
    assert told["reason"].startswith('100 % "')
    assert told["reason"].endswith('" \\u0022 \u201c %22')


def test_what_is_hidden_costs_little_however_it_is_written() -> None:
    texts = [r"\u0041" * 170_000, "%41" * 340_000, "%25" * 340_000, "\\" * 1_000_000, "rk_live_" * 130_000]

    began = time.thread_time()
    for text in texts:
        hiding.without_keys(f'"{text}"')

    assert time.thread_time() - began < 2


def test_event_named_like_a_key_is_refused_and_its_context_not_taken() -> None:
    key = a_restricted_key()

    assert deliver_event(a_notification(id=f"evt_{key}")).status_code == 400
    assert deliver_event(a_notification(type=key)).status_code == 400
    assert deliver_event(a_notification(context=key)).status_code == 200
    assert EventNotification.objects.get().context == ""


@pytest.mark.parametrize(
    "event", [a_notification(), a_snapshot(note="Zoë, desk_test_1234")], ids=["thin", "snapshot"]
)
def test_event_without_a_key_is_stored_to_the_letter(event: dict[str, Any]) -> None:
    assert hiding.without_keys(encoded(event).decode()) is None
