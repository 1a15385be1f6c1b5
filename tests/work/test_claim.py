"""Claiming: one row per lane, fair, by priority, by the database's clock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ExpressionWrapper, F, fields
from django.db.models.functions import Now
from django.utils import timezone

from tests.locks import somebody_waits
from tests.waiting import eventually
from tests.work.conftest import COMMITTING
from tests.work.errands import Effect, Errand, errand_queue, let_lease_end, put
from work.engine import Queue, claim, drain, settle

pytestmark = COMMITTING


def test_lowest_priority_number_then_earliest_goes_first(errands: "Queue[Errand]") -> None:
    late = put("a", due_at=Now() - timedelta(seconds=10))
    early = put("a", due_at=Now() - timedelta(seconds=20))
    urgent = put("a", priority=10)

    order = []
    while rows := claim(errands):
        order.append(rows[0].pk)
        with settle(rows[0]):
            pass

    assert order == [urgent.pk, early.pk, late.pk]


def test_urgent_lanes_go_before_others(errands: "Queue[Errand]") -> None:
    for number in range(8):
        put(f"plain {number}")
    urgent = put("urgent", priority=10)

    assert claim(errands)[0].pk == urgent.pk


def test_lane_in_hand_is_busy(errands: "Queue[Errand]") -> None:
    put("a"), put("a")

    assert len(claim(errands, limit=5)) == 1
    assert claim(errands) == []
    assert claim(errands, lane="a") == []


def test_only_the_named_lane_is_claimed(errands: "Queue[Errand]") -> None:
    put("a", priority=1)
    mine = put("b")

    assert [row.pk for row in claim(errands, lane="b", limit=5)] == [mine.pk]


def test_row_that_is_not_due_stays(errands: "Queue[Errand]") -> None:
    put("a", due_at=Now() + timedelta(hours=1))

    assert claim(errands) == []


def test_claim_counts_and_leases(errands: "Queue[Errand]") -> None:
    put("a")

    row = claim(errands)[0]

    assert (row.state, row.attempts, row.fence) == ("claimed", 1, 1)
    assert row.claimed_by
    row.refresh_from_db()
    assert row.state == "claimed"


def test_expired_claim_is_taken_over_before_the_rest_of_its_lane(errands: "Queue[Errand]") -> None:
    put("a")
    first = claim(errands)[0]
    put("a", priority=1)
    let_lease_end(first)

    second = claim(errands)[0]

    assert second.pk == first.pk
    assert (second.attempts, second.fence) == (2, 2)
    assert claim(errands) == []


def test_only_the_clock_of_the_database_counts(
    errands: "Queue[Errand]", monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    monkeypatch.setattr("time.time", tomorrow.timestamp)
    put("later", due_at=Now() + timedelta(hours=1))
    put("now")

    rows = claim(errands, limit=5)

    assert [row.lane for row in rows] == ["now"]
    left = ExpressionWrapper(F("lease_until") - Now(), output_field=fields.DurationField())
    lease = Errand.objects.filter(lane="now").values_list(left, flat=True).get()
    assert timedelta(seconds=20) < lease <= errands.lease


def test_long_lane_leaves_every_other_lane_its_turn(errands: "Queue[Errand]") -> None:
    Errand.objects.bulk_create([Errand(lane="long") for _ in range(400)])
    for number in range(5):
        put(f"short {number}")

    assert {row.lane for row in claim(errands, limit=10)} == {"long", *(f"short {n}" for n in range(5))}


def test_long_lane_does_not_delay_short_ones_while_it_is_drained(errands: "Queue[Errand]") -> None:
    Errand.objects.bulk_create([Errand(lane="long") for _ in range(200)])
    for number in range(5):
        put(f"short {number}")

    order = []
    while rows := claim(errands):
        order.append(rows[0].lane)
        with settle(rows[0]):
            pass

    # Each claim picks one of at most six lanes at random: that a short one waits for 150 has odds of 1 to 10^11.
    assert len(order) == 205
    assert all(order.index(f"short {number}") < 150 for number in range(5))


def test_database_refuses_a_second_claim_in_a_lane(errands: "Queue[Errand]") -> None:
    put("a")
    claim(errands)

    with pytest.raises(IntegrityError):
        put("a", state="claimed", lease_until=timezone.now())


def test_claimers_of_one_lane_with_different_heads_do_not_both_win(errands: "Queue[Errand]") -> None:
    """The first claimer has not committed when a more urgent row makes the second look at another head."""
    put("a")
    held, release = threading.Event(), threading.Event()

    def claim_slowly() -> int:
        try:
            with transaction.atomic():
                found = len(claim(errands))
                held.set()
                release.wait(10)
            return found
        finally:
            connection.close()

    def claim_meanwhile() -> int:
        try:
            return len(claim(errands))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(claim_slowly)
        assert held.wait(10)
        put("a", priority=1)
        second = threads.submit(claim_meanwhile)
        eventually(somebody_waits)
        release.set()

        assert (first.result(10), second.result(10)) == (1, 0)


def test_row_that_is_locked_holds_nobody_up(errands: "Queue[Errand]") -> None:
    put("locked", priority=1), put("free")
    held, release = threading.Event(), threading.Event()

    def lock() -> None:
        try:
            with transaction.atomic():
                list(Errand.objects.select_for_update().filter(lane="locked"))
                held.set()
                release.wait(5)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        locked = thread.submit(lock)
        assert held.wait(10)
        rows = claim(errands, limit=5)
        release.set()
        locked.result(10)

    assert [row.lane for row in rows] == ["free"]


def test_many_threads_never_share_a_lane_and_do_everything_once(errands: "Queue[Errand]") -> None:
    Errand.objects.bulk_create([Errand(lane=f"lane {n % 5}", priority=n % 3) for n in range(150)])
    queue = errand_queue(lease=timedelta(minutes=5))

    def work(_: int) -> int:
        try:
            return drain(queue)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        while Errand.objects.exclude(state="done").exists():
            list(threads.map(work, range(8)))

    assert not Effect.objects.filter(overlapped=True).exists()
    assert sorted(Effect.objects.values_list("errand", flat=True)) == sorted(
        Errand.objects.values_list("pk", flat=True)
    )
