"""Whatever is sent, the door never answers 500, and nothing unsigned is kept."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.deliveries import deliver, encoded, header_for
from webhooks import reading
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db
many_times = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

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
