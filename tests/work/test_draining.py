"""Draining without a bell that names a lane: one scan, turns for every lane, several hands."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.work.conftest import COMMITTING
from tests.work.errands import Effect, Errand, errand_queue, put
from work import engine, hands
from work.engine import Queue, drain_waiting

pytestmark = COMMITTING


def test_every_lane_that_waits_is_emptied_once(errands: "Queue[Errand]") -> None:
    Errand.objects.bulk_create([Errand(lane=f"lane {n % 40}") for n in range(60)])

    assert drain_waiting(errands) == 60

    assert not Errand.objects.exclude(state="done").exists()
    assert Effect.objects.count() == 60
    assert not Effect.objects.filter(overlapped=True).exists()


def test_many_lanes_are_shared_out_to_several_hands(errands: "Queue[Errand]") -> None:
    together = threading.Barrier(3, timeout=10)  # passes only if three are at work at once
    Errand.objects.bulk_create([Errand(lane=f"lane {n}") for n in range(24)])

    assert drain_waiting(errand_queue(process=lambda row: together.wait() and None)) == 24


def test_lanes_are_found_by_one_scan_and_not_by_one_for_each_row(errands: "Queue[Errand]") -> None:
    for n in range(5):
        put(f"lane {n}")

    with CaptureQueriesContext(connection) as asked:
        drain_waiting(errand_queue(process=lambda row: None))

    assert sum("UNION ALL\n        SELECT (SELECT min(t.lane)" in each["sql"] for each in asked) == 2


def test_long_lane_gives_way_after_its_turn_even_with_one_hand(
    errands: "Queue[Errand]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TURN_SECONDS", 0.05)
    monkeypatch.setattr(hands, "_MORE_HANDS", threading.Semaphore(0))
    Errand.objects.bulk_create([Errand(lane="long", priority=10) for _ in range(60)])
    put("short")
    order: list[str] = []

    def note_lane(row: Errand) -> None:
        order.append(row.lane)
        time.sleep(0.005)

    drain_waiting(errand_queue(process=note_lane))

    assert order.count("long") == 60
    assert order[0] == "long"
    assert order.index("short") < 30


def test_slow_lane_holds_up_none_that_comes_later(errands: "Queue[Errand]") -> None:
    came, done = threading.Event(), threading.Event()

    def process(row: Errand) -> None:
        if row.lane == "slow":
            came.set()
            assert done.wait(10)
        if row.lane == "fresh":
            done.set()

    def drain_here() -> None:
        drain_waiting(errand_queue(process=process))
        connection.close()

    put("slow")
    draining = threading.Thread(target=drain_here)
    draining.start()
    assert came.wait(10)
    put("fresh")

    draining.join(20)
    assert done.is_set()
    assert not Errand.objects.exclude(state="done").exists()


def test_rows_not_due_wait_on(errands: "Queue[Errand]") -> None:
    put("a", kind="postpone")

    assert drain_waiting(errands) == 1
    assert drain_waiting(errands) == 0


def test_draining_refuses_to_run_inside_a_transaction(errands: "Queue[Errand]") -> None:
    with pytest.raises(RuntimeError, match="outside transactions"), transaction.atomic():
        drain_waiting(errands)
