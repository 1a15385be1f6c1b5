"""What a signed body may cost: no second of work, and no retries for days where nothing can ever keep it."""

import time
from collections.abc import Iterator

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


def test_a_megabyte_of_deep_lists_costs_no_second() -> None:
    body = b'{"id":"evt_1","type":"a.b","a":[' + (b"[" * 60 + b"]" * 60 + b",") * 8_500 + b"1]}"

    began = time.process_time()
    reading.read(body)

    assert time.process_time() - began < 1
