"""A real database without a transaction around the test: claims race only between transactions that commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.work.errands import Effect, Errand, errand_queue
from tests.work.processes import Workers
from work import bell, ringer
from work.queues import Queue, _queues

# Only this app's tables are emptied after each test: emptying all of them takes longer than the test.
COMMITTING = pytest.mark.django_db(transaction=True, available_apps=["work"])


@pytest.fixture(scope="session")
def errand_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tables of the errands, as long as the tests run."""
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Errand)
            editor.create_model(Effect)
        yield
        connection.close()
        with connection.schema_editor() as editor:
            editor.delete_model(Effect)
            editor.delete_model(Errand)


@pytest.fixture
def committing_database(transactional_db: None, errand_tables: None) -> Iterator[None]:
    """The test database, where everything commits; the errands are gone afterwards."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE errands_errand, errands_effect")


@pytest.fixture
def errands(committing_database: None, monkeypatch: pytest.MonkeyPatch) -> "Queue[Errand]":
    """The queue of errands, registered for the time of one test."""
    queue = errand_queue()
    monkeypatch.setitem(_queues, queue.name, queue)
    return queue


@pytest.fixture
def broker() -> Iterator["redis.Redis"]:
    """The test run's Redis, empty before and after, with no bell silenced."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    assert ringer.ringer.is_quiet.wait(10)  # what an earlier test had noted
    client.flushdb()
    bell.silence.end()
    yield client
    assert ringer.ringer.is_quiet.wait(10)
    client.flushdb()
    bell.silence.end()
    client.close()


@pytest.fixture
def workers(
    request: pytest.FixtureRequest, errands: "Queue[Errand]", broker: "redis.Redis", tmp_path: Path
) -> Iterator[Workers]:
    """Starts real worker processes on the test database; kills what is left of them."""
    marker = request.node.get_closest_marker("django_db")
    assert "available_apps" not in marker.kwargs, "a worker leaves rows of every app: have all tables emptied"
    with Workers(tmp_path) as started:
        yield started
