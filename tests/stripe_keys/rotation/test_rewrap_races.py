"""A rewrap beside others: rows that change meanwhile are left alone, and nobody who reads or writes notices it."""

from functools import partial

import psycopg
import pytest
from django.db import transaction
from pytest_django import Settings

from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys
from tests.locks import somebody_waits
from tests.people import a_restricted_key
from tests.stripe_keys.rotation.stored import (
    Bystanders,
    Ran,
    a_local_key,
    a_stored_key,
    everything_wrapped,
    in_a_thread,
    many_stored_keys,
    run,
)
from tests.waiting import eventually
from tests.work.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)
READERS = WRITERS = 4
ROUNDS = 2


def test_a_row_that_changed_since_it_was_read_is_left_alone(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    keys = many_stored_keys(3)
    changed = MerchantDataKey.objects.get(merchant=keys[1].merchant)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    problems: list[BaseException] = []
    told: list[Ran] = []

    with psycopg.connect(database_url()) as other:
        other.execute(
            "UPDATE stripe_keys_merchantdatakey SET wrapped = %s WHERE id = %s", [b"meanwhile", changed.pk]
        )
        thread = in_a_thread(lambda: told.append(run("rewrap_data_keys")), problems)
        eventually(somebody_waits)  # it has read and wrapped what was there before, and wants to write
        other.commit()
    thread.join()

    assert problems == []
    changed.refresh_from_db()
    assert (changed.kek_id, bytes(changed.wrapped)) == ("k1", b"meanwhile")
    assert told[0].failed
    assert "Data keys moved: 2." in told[0].output
    assert "1 row on kek k1\n" in told[0].output


def test_a_row_that_was_deleted_since_it_was_read_stays_deleted(
    old_kek: str, new_kek: str, settings: Settings
) -> None:
    keys = many_stored_keys(2)
    KeyEnvelope.objects.filter(key=keys[0]).delete()
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    problems: list[BaseException] = []
    told: list[Ran] = []

    with psycopg.connect(database_url()) as other:
        other.execute("DELETE FROM stripe_keys_merchantdatakey WHERE merchant_id = %s", [keys[0].merchant_id])
        thread = in_a_thread(lambda: told.append(run("rewrap_data_keys")), problems)
        eventually(somebody_waits)
        other.commit()
    thread.join()

    assert problems == []
    assert not told[0].failed
    assert "Data keys moved: 1." in told[0].output
    assert MerchantDataKey.objects.counts_by_kek_id() == {"k2": 1}


@pytest.mark.parametrize(
    ("batch", "expected"), [("2", [0, 1, 3, 4, 5, 6, 7]), ("8", [3, 4, 5, 6, 7])], ids=["small", "whole"]
)
def test_only_the_batch_that_is_written_is_locked_and_in_one_order(
    old_kek: str, new_kek: str, settings: Settings, batch: str, expected: list[int]
) -> None:
    keys = many_stored_keys(8)
    rows = list(MerchantDataKey.objects.order_by("pk").values_list("pk", flat=True))
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    problems: list[BaseException] = []

    with psycopg.connect(database_url()) as other:
        other.execute("SELECT FROM stripe_keys_merchantdatakey WHERE id = %s FOR UPDATE", [rows[2]])
        thread = in_a_thread(lambda: run("rewrap_data_keys", "--batch-size", batch), problems)
        eventually(somebody_waits)
        others = MerchantDataKey.objects.exclude(pk=rows[2]).order_by("pk")
        with transaction.atomic():
            free = [row.pk for row in others.select_for_update(skip_locked=True)]
        opened = [vault.decrypt(key).last4 for key in keys]
    thread.join()

    assert problems == []
    assert free == [rows[number] for number in expected]
    assert opened == [key.last4 for key in keys]


def test_two_runs_at_once_move_each_row_once(old_kek: str, new_kek: str, settings: Settings) -> None:
    keys = many_stored_keys(60)
    settings.KEY_ENCRYPTION_KEYS = [new_kek, old_kek]
    problems: list[BaseException] = []
    told: list[Ran] = []

    def rewrap(size: str) -> None:
        told.append(run("rewrap_data_keys", "--batch-size", size))

    threads = [in_a_thread(partial(rewrap, size), problems) for size in ("3", "7", "60")]
    for thread in threads:
        thread.join()

    assert problems == []
    assert [ran.failed for ran in told] == [False] * 3
    moved = [int(ran.output.partition("moved: ")[2].partition(".")[0]) for ran in told]
    assert sum(moved) == 60
    assert {kek_id for _, kek_id, _ in everything_wrapped()} == {"k2"}
    assert [vault.decrypt(key).last4 for key in keys] == [key.last4 for key in keys]


def test_readers_and_writers_notice_nothing(old_kek: str, settings: Settings) -> None:
    keys, ring = many_stored_keys(40), [old_kek]

    def read(me: int, turn: int) -> None:
        key = keys[(turn * READERS + me) % len(keys)]
        data_keys.forget()  # as another process, which has not unwrapped it yet
        assert vault.decrypt(key).last4 == key.last4

    def write(me: int, turn: int) -> None:
        secret = Secret(a_restricted_key())
        merchant = keys[(turn * WRITERS + me) % len(keys)].merchant
        assert vault.decrypt(a_stored_key(merchant, secret, purpose=f"{me}-{turn}")) == secret

    with Bystanders(*[read] * READERS, *[write] * WRITERS) as bystanders:
        for number in range(ROUNDS):
            ring.insert(0, a_local_key(f"next-{number}"))
            settings.KEY_ENCRYPTION_KEYS = list(ring)
            ran = run("rewrap_data_keys", "--batch-size", "3")
            assert not ran.failed, ran.output
            bystanders.all_go_on()

    assert bystanders.problems == []
    settings.KEY_ENCRYPTION_KEYS = ring[:1]
    data_keys.forget()
    assert {kek_id for _, kek_id, _ in everything_wrapped()} == {f"next-{ROUNDS - 1}"}
    for key in RestrictedKey.objects.all():
        assert vault.decrypt(key).last4 == key.last4
