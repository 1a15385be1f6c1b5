"""What a signed body may cost: no work for each of its brackets, and no retries for days where nothing can keep it."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from django.db import connection

from accounts.models import Notice
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks import reading
from webhooks.models import EventNotification


@pytest.fixture
def narrow_table(transactional_db: None) -> Iterator[None]:
    """A table that holds no secret's name of more than three letters."""
    change = "ALTER TABLE webhooks_eventnotification ALTER COLUMN secret_name TYPE varchar({})"
    with connection.cursor() as cursor:
        cursor.execute(change.format(3))
    yield
    with connection.cursor() as cursor:
        cursor.execute(change.format(60))


def test_what_the_database_will_never_hold_is_refused_for_good_and_somebody_is_told(
    narrow_table: None, caplog: pytest.LogCaptureFixture
) -> None:
    answer = deliver_event(a_notification())

    assert answer.status_code == 400
    assert "cannot be kept" in caplog.text
    assert "database cannot hold" in Notice.objects.get().body
    assert not EventNotification.objects.exists()


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Calls by and of `reading` meanwhile, functions in C as well: a measure of work that no busy machine changes."""
    calls: Counter[str] = Counter()

    def count(frame: FrameType, kind: str, what: object) -> None:
        if frame.f_code.co_filename == reading.__file__:  # others' are the collector's, who comes as it likes
            calls[kind] += 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("lists", [1, 1_500], ids=["few lists", "many"])
def test_deep_lists_cost_no_call_each(lists: int) -> None:
    body = b'{"id":"evt_1","type":"a.b","a":[' + (b"[" * 60 + b"]" * 60 + b",") * lists + b"1]}"

    with counted_calls() as calls:
        reading.read(body)

    assert calls.total() < 1_000
