"""A database that says nothing: a web process gives up by itself, and others hear so at once."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import OperationalError, connection

from partner_site.database import answers
from tests.waiting import eventually

PATIENCE_SECONDS = 0.4
END_SLEEPERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND query = 'SELECT pg_sleep(20)'"""


@pytest.fixture
def in_a_hurry(db: None) -> Iterator[None]:
    """As in a web process, but with less patience."""
    answers.wait_at_most(PATIENCE_SECONDS)
    try:
        yield
    finally:
        answers.wait_at_most(None)
        connection.close()
        ask(END_SLEEPERS)


def ask(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def is_answered() -> bool:
    with suppress(OperationalError):
        ask("SELECT 1")
        return True
    return False


def seconds_of(statement: str) -> float:
    """How long it took until the statement was given up."""
    began = time.monotonic()
    with pytest.raises(OperationalError):
        ask(statement)
    return time.monotonic() - began


@pytest.mark.django_db(transaction=True, available_apps=["work"])
@pytest.mark.usefixtures("in_a_hurry")
def test_answer_that_does_not_come_is_given_up_and_the_next_one_asks_again() -> None:
    assert PATIENCE_SECONDS <= seconds_of("SELECT pg_sleep(20)") < 20
    connection.close()
    eventually(is_answered, timeout=5)

    assert answers.silence.may_try()
    assert answers.silence.may_try()


@pytest.mark.django_db(transaction=True, available_apps=["work"])
@pytest.mark.usefixtures("in_a_hurry")
def test_nobody_asks_while_somebody_finds_out() -> None:
    with suppress(OperationalError):
        ask("SELECT pg_sleep(20)")
    connection.close()
    eventually(answers.silence.may_try, timeout=5)  # somebody, who has no answer yet

    with pytest.raises(OperationalError, match="has just not answered somebody else"):
        ask("SELECT 1")


@pytest.mark.django_db(transaction=True, available_apps=["work"])
@pytest.mark.usefixtures("in_a_hurry")
def test_pages_that_count_everything_may_take_longer() -> None:
    with answers.patience(20):
        ask(f"SELECT pg_sleep({PATIENCE_SECONDS * 2})")


@pytest.mark.django_db(transaction=True, available_apps=["work"])
def test_processes_without_a_limit_wait() -> None:
    assert answers.limit() is None
    with answers.patience(0.1):
        ask("SELECT pg_sleep(0.3)")
