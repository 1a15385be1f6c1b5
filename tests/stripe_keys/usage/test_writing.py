"""Counts reach their rows once, from however many threads and processes, and trouble costs the caller nothing."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from celery.signals import worker_process_shutdown
from django.db import connection, transaction

from accounts.models import User
from local_stack.folders import PROJECT
from stripe_keys import tasks, usage
from stripe_keys.models import KeyUsage, RestrictedKey
from stripe_keys.usage import recorder, rows
from stripe_keys.usage.rows import Call
from tests.stripe_keys.keys import AtStripe
from tests.stripe_keys.rows import a_key
from tests.stripe_keys.usage.noted import counted
from tests.waiting import eventually
from tests.work.processes import database_url

TODAY = int(datetime.now(UTC).timestamp() // 86_400)
CHARGES = ("GET", "/v1/charges", "ok")


@pytest.fixture
def key(ada: User, at_stripe: AtStripe) -> RestrictedKey:
    """A key of Ada's; nobody calls Stripe with it here."""
    return a_key(ada)


@pytest.fixture
def bens_key(eve: User, at_stripe: AtStripe) -> RestrictedKey:
    """A key of another merchant."""
    return a_key(eve)


def note(key: RestrictedKey, path: str = "/v1/charges", status: int | None = 200) -> None:
    """One request that ended with `status`."""
    usage.note_taker(key)("get", path, status, None)


@contextmanager
def locked(key: RestrictedKey) -> Iterator[None]:
    """Somebody else has the key in hand."""
    with transaction.atomic():
        RestrictedKey.objects.select_for_update().get(pk=key.pk)
        yield


def test_what_the_database_can_never_take_is_dropped_and_the_rest_is_written(
    key: RestrictedKey, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/v1/charges", "/v1/customers", "/v1/payouts"):
        note(key, path)
    for method in ("g\x00t", "g\ud800t"):
        usage.note_taker(key)(method, "/v1/charges", 200, None)

    assert usage.flush()
    note(key)
    assert usage.flush()

    assert KeyUsage.objects.count() == 3
    assert KeyUsage.objects.get(template="/v1/charges").count == 2
    dropped = [one for one in caplog.records if "cannot be written" in one.message]
    assert len(dropped) == 2
    assert "\x00" not in caplog.text


def test_two_writers_lose_nothing_and_do_not_block_each_other(
    key: RestrictedKey, bens_key: RestrictedKey
) -> None:
    calls = [
        Call(each.pk, TODAY, "GET", path, "ok")
        for each in (key, bens_key)
        for path in ("/v1/charges", "/v1/customers", "/v1/payouts")
    ]
    problems: list[Exception] = []

    def write(order: list[Call]) -> None:
        try:
            for _ in range(40):
                left = dict.fromkeys(order, 1)
                while left:
                    left = rows.add(left)
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=[order]) for order in (calls, calls[::-1])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert problems == []
    assert set(KeyUsage.objects.values_list("count", flat=True)) == {80}
    assert KeyUsage.objects.count() == len(calls)


def test_a_key_that_is_gone_spoils_nothing(key: RestrictedKey, bens_key: RestrictedKey) -> None:
    note(key)
    note(bens_key)
    RestrictedKey.objects.filter(pk=bens_key.pk).delete()
    usage.note_taker(RestrictedKey(pk=uuid4()))("get", "/v1/charges", 200, None)

    assert usage.flush()

    assert counted(key) == {CHARGES: 1}
    assert KeyUsage.objects.count() == 1


def test_a_key_that_is_locked_is_waited_for_by_its_own_counts_alone(
    key: RestrictedKey, bens_key: RestrictedKey
) -> None:
    note(key)
    note(bens_key)

    with locked(key):
        assert not usage.flush()
        assert (counted(key), counted(bens_key)) == ({}, {CHARGES: 1})

    note(key)
    assert usage.flush()
    assert (counted(key), counted(bens_key)) == ({CHARGES: 2}, {CHARGES: 1})


def test_counts_wait_for_the_database_up_to_a_ceiling(
    key: RestrictedKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "MOST_COUNTS", 2)
    caplog.set_level(logging.INFO, "stripe_keys.usage.recorder")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE stripe_keys_keyusage RENAME TO away")
    try:
        for path in ("/v1/charges", "/v1/charges", "/v1/customers", "/v1/payouts", "/v1/refunds"):
            note(key, path)
            assert not usage.flush()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO stripe_keys_keyusage")

    assert usage.flush()
    assert counted(key) == {CHARGES: 2, ("GET", "/v1/customers", "ok"): 1}
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "usage: nothing is written for now",
        "usage: too many counts wait to be written; some calls are not counted",
        "usage: writing again",
    ]


def test_a_burst_beyond_the_ceiling_is_not_all_counted(
    key: RestrictedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_COUNTS", 2)
    for path in ("/v1/charges", "/v1/customers", "/v1/payouts", "/v1/charges"):
        note(key, path)

    assert counted(key) == {CHARGES: 2, ("GET", "/v1/customers", "ok"): 1}


def test_rows_are_written_in_the_same_order_by_everybody(key: RestrictedKey, bens_key: RestrictedKey) -> None:
    """Else two processes that write the same rows could wait for each other."""
    paths = ("/v1/payouts", "/v1/charges", "/v1/customers")
    calls = [Call(each.pk, TODAY, "GET", path, "ok") for path in paths for each in (key, bens_key)]

    rows.add(dict.fromkeys([*calls[::-2], *calls[::2]], 1))

    written = list(KeyUsage.objects.order_by("pk").values_list("key_id", "template"))
    assert written == sorted(written)


def test_many_counts_do_not_wait(key: RestrictedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WRITE_AT_COUNTS", 2)
    monkeypatch.setattr(recorder, "WRITE_EVERY_SECONDS", 60)
    note(key, "/v1/charges")
    note(key, "/v1/customers")

    assert eventually(lambda: KeyUsage.objects.filter(key=key).count() == 2)


def test_a_child_of_a_prefork_pool_writes_before_it_ends(key: RestrictedKey) -> None:
    note(key)

    worker_process_shutdown.send(sender=None)

    assert KeyUsage.objects.get(key=key).count == 1


def test_counts_are_forgotten_after_some_more_than_a_year(key: RestrictedKey) -> None:
    today = datetime.now(UTC).date()
    for days in (0, 399, 401, 500):
        KeyUsage.objects.create(
            key=key,
            day=today - timedelta(days=days),
            method="GET",
            template="/v1/charges",
            outcome="ok",
            count=1,
        )

    tasks.forget_old_usage()

    assert {today - row.day for row in KeyUsage.objects.all()} == {timedelta(), timedelta(days=399)}


@pytest.mark.processes
def test_a_forked_process_counts_for_itself_and_writes_at_its_end(key: RestrictedKey) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.stripe_keys.usage.forking", str(key.pk)],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr.decode()
    assert KeyUsage.objects.get(key=key).count == 6
