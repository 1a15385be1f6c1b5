"""Whatever is sent, the door never answers 500, and nothing unsigned is kept."""

import json
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import people
from tests.webhooks.deliveries import deliver, encoded, header_for
from webhooks import inbox, reading
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db
many_times = settings(
    max_examples=75,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
sometimes = settings(many_times, max_examples=20)

header_text = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=300)
header_parts = st.lists(
    st.one_of(
        st.from_regex(r"(t|v0|v1|v2)=[0-9a-f_+ -]{0,70}", fullmatch=True),
        header_text.map(lambda text: text[:30]),
    ),
    max_size=20,
).map(",".join)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ids = st.from_regex(r"evt_[A-Za-z0-9_]{1,40}", fullmatch=True) | json_values
types = st.sampled_from(["v2.iam.api_key.rotated", "apps.install.deleted", "x.y"]) | json_values
events = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "type": types,
        "object": st.sampled_from(["event", "v2.core.event"]) | json_values,
        "livemode": json_values,
        "created": st.integers() | st.datetimes().map(str) | json_values,
        "context": st.from_regex(r"acct_[A-Za-z0-9]{8,20}(/acct_[a-z0-9]{8,9})?", fullmatch=True)
        | json_values,
        "account": json_values,
        "data": st.fixed_dictionaries({"object": json_values}) | json_values,
        "related_object": json_values,
    },
)


def kept() -> int:
    """How many events are kept, asked in a way that works only while the transaction is sound."""
    assert not connection.needs_rollback
    return EventNotification.objects.count()


@many_times
@given(header=header_text | header_parts, body=st.binary(max_size=400))
def test_unsigned_deliveries_are_refused_and_leave_nothing(header: str, body: bytes) -> None:
    answer = deliver(body, header=header)

    assert answer.status_code in (400, 411)
    assert kept() == 0


@many_times
@given(
    body=st.binary(max_size=400)
    | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_signed_bytes_are_answered(body: bytes) -> None:
    assert deliver(body, CONTENT_LENGTH=str(len(body))).status_code in (200, 400)


@many_times
@given(event=events)
def test_any_signed_object_is_kept_or_refused(event: dict[str, Any]) -> None:
    before = kept()

    answer = deliver(encoded(event))

    assert (answer.status_code, kept() - before) in ((200, 1), (200, 0), (400, 0))


@sometimes
@given(event=events, others=st.lists(events, min_size=1, max_size=3), is_listed=st.booleans())
def test_any_contents_of_one_id_keep_the_first_and_stay_bounded(
    event: dict[str, Any], others: list[dict[str, Any]], is_listed: bool
) -> None:
    bodies = [
        encoded({**each, "id": "evt_same", "type": each.get("type", "a.b")}) for each in (event, *others)
    ]
    EventNotification.objects.filter(event_id="evt_same").delete()
    if is_listed and (first := readable(bodies[0])):
        inbox.store(first, bodies[0], secret_name="", source=EventNotification.Source.LISTED)

    statuses = {deliver(body).status_code for body in [*bodies, *bodies]}

    assert statuses <= {200, 400}
    rows = list(EventNotification.objects.filter(event_id="evt_same"))
    accepted = {sha256(body).digest() for body in bodies if readable(body)}
    assert len(rows) == bool(accepted)
    for row in rows:
        assert bytes(row.body_sha256) in accepted
        noted = {bytes(note.body_sha256) for note in row.conflicts.all()}
        assert noted == accepted - {bytes(row.body_sha256)} or is_listed


@sometimes
@given(event=events, where=st.sampled_from(["data", "note", "related_object", "context"]), text=st.text(max_size=9),
       escape=st.booleans())  # fmt: skip
def test_no_key_reaches_the_table_wherever_it_stands(
    event: dict[str, Any], where: str, text: str, escape: bool
) -> None:
    key = people.a_restricted_key(livemode=True)
    written = json.dumps({**event, "id": "evt_key", "type": "a.b", where: {text: [f"{text} {key}"]}})
    if escape:
        written = written.replace(key, key.replace("_", "\\u005f"))
    EventNotification.objects.filter(event_id="evt_key").delete()

    assert deliver(written.encode()).status_code in (200, 400)

    for row in EventNotification.objects.filter(event_id="evt_key"):
        assert row.is_masked
        assert key[12:] not in row.body
        reading.parse(row.body)


def readable(body: bytes) -> reading.Reading | None:
    """What a body says, if it is an event."""
    try:
        return reading.read(body)
    except reading.UnreadableBody:
        return None


@many_times
@given(event=events)
def test_what_is_read_from_an_event_is_of_the_expected_form(event: dict[str, Any]) -> None:
    try:
        found = reading.read(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))
    except reading.UnreadableBody:
        return

    assert found.context.isascii()
    assert ".." not in found.context
    assert found.stripe_account_id == "" or found.stripe_account_id.startswith("acct_")
    assert found.livemode in (True, False, None)


@many_times
@given(environ=st.dictionaries(
    st.sampled_from(["CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING",
                     "HTTP_STRIPE_SIGNATURE", "HTTP_COOKIE", "HTTP_EXPECT", "HTTP_X_HTTP_METHOD_OVERRIDE"]),
    header_text, max_size=4))  # fmt: skip
def test_any_headers_are_answered(environ: dict[str, str]) -> None:
    import io

    body = encoded({"id": "evt_1", "type": "a.b"})
    environ.setdefault("HTTP_STRIPE_SIGNATURE", header_for(body))

    answer = deliver(body, **environ, stream=io.BytesIO(body))

    assert answer.status_code in (200, 400, 411, 413)
