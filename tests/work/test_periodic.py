"""Periodic jobs: every period exactly one row, whoever creates it; old rows are forgotten, but never the newest."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from tests.waiting import eventually
from tests.work.conftest import COMMITTING
from work import periodic
from work.engine import drain
from work.models import PeriodicSlot, WorkerHeartbeat
from work.pulse import Pulse, Thresholds

pytestmark = COMMITTING
LONG = 100 * 366 * 86_400  # seconds


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, committing_database: None) -> list[str]:
    """A job and the record of its runs; no other job is known, and none of its periods ends while a test runs."""
    record: list[str] = []
    monkeypatch.setattr(periodic, "_jobs", {})
    periodic.every(LONG, "rare", lambda: record.append("rare"))
    return record


def test_job_runs_once_per_slot(runs: list[str]) -> None:
    periodic.create_slots()
    periodic.create_slots()
    drain("periodic")
    periodic.create_slots()
    drain("periodic")

    assert runs == ["rare"]


def test_many_creators_make_one_slot(runs: list[str]) -> None:
    def create(_: int) -> None:
        try:
            periodic.create_slots()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(create, range(12)))

    assert PeriodicSlot.objects.count() == 1


def test_three_heartbeats_run_a_slot_once(runs: list[str]) -> None:
    pulses = [Pulse(f"worker {n}", Thresholds(tick=0.02, bell_lost=0)) for n in range(3)]

    for pulse in pulses:
        pulse.start()
    eventually(lambda: PeriodicSlot.objects.filter(state="done").exists())
    eventually(lambda: WorkerHeartbeat.objects.count() == 3)
    for pulse in pulses:
        pulse.stop()

    assert PeriodicSlot.objects.count() == 1
    assert runs == ["rare"]


def test_slot_overtaken_by_a_newer_one_is_not_run(runs: list[str]) -> None:
    periodic.create_slots()
    PeriodicSlot.objects.update(slot=F("slot") - timedelta(days=1))
    periodic.create_slots()

    drain("periodic")

    assert PeriodicSlot.objects.filter(state="done").count() == 2
    assert runs == ["rare"]


def test_failed_job_is_tried_again(monkeypatch: pytest.MonkeyPatch, committing_database: None) -> None:
    monkeypatch.setattr(periodic, "_jobs", {})
    tries: list[int] = []

    def fail_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError

    periodic.every(LONG, "shaky", fail_once)
    periodic.create_slots()
    drain("periodic")
    assert PeriodicSlot.objects.get().problem == "ConnectionError"
    PeriodicSlot.objects.update(due_at=Now())
    drain("periodic")

    assert PeriodicSlot.objects.get().state == "done"


def test_job_of_other_code_waits_for_a_worker_that_knows_it(runs: list[str]) -> None:
    PeriodicSlot.objects.create(job="of tomorrow", lane="of tomorrow", slot=Now())

    drain("periodic")

    slot = PeriodicSlot.objects.get()
    assert (slot.state, slot.attempts, slot.problem) == ("waiting", 0, "UnknownJob")


def test_job_that_nobody_knows_any_more_is_buried(runs: list[str]) -> None:
    old = Now() - timedelta(hours=2)
    PeriodicSlot.objects.create(job="of yesterday", lane="of yesterday", slot=old, created_at=old)

    drain("periodic")

    assert PeriodicSlot.objects.get().state == "dead"


def test_pruning_keeps_what_is_fresh_open_or_newest(committing_database: None) -> None:
    old = Now() - timedelta(days=3)
    for days, state in [(5, "done"), (4, "dead"), (3, "done")]:
        PeriodicSlot.objects.create(
            job="weekly", lane="weekly", slot=Now() - timedelta(days=days), state=state, finished_at=old
        )
    WorkerHeartbeat.objects.create(name="gone", host="here", pid=1, beat_at=Now() - timedelta(hours=2))
    WorkerHeartbeat.objects.create(name="alive", host="here", pid=2, beat_at=Now())

    periodic.prune()

    assert list(PeriodicSlot.objects.order_by("slot").values_list("state", flat=True)) == ["dead", "done"]
    assert list(WorkerHeartbeat.objects.values_list("name", flat=True)) == ["alive"]
