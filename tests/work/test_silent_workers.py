"""What a worker holds whose heart has stopped is free for others before its lease ends."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.work.conftest import COMMITTING
from tests.work.errands import Errand, put
from work import claims, engine
from work.models import WorkerHeartbeat
from work.queues import Queue

pytestmark = COMMITTING
SILENT_FOR = 10.0


def a_heartbeat(host: str, *, seconds_ago: float, name: str = "") -> None:
    """A worker on `host`, with process id 7, that last beat some seconds ago."""
    beat_at = Now() - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(name=name or f"celery@{host}:7", host=host, pid=7, beat_at=beat_at)


def held_by(queue: "Queue[Errand]", host: str) -> Errand:
    """An errand that the worker on `host` has claimed."""
    put(host)
    errand = claims.claim_one(queue, host, claimed_by=f"{host}:7")
    assert isinstance(errand, Errand)
    return errand


def test_rows_of_a_silent_worker_are_free_at_once(errands: "Queue[Errand]") -> None:
    errand = held_by(errands, "gone")
    a_heartbeat("gone", seconds_ago=11)

    assert claims.release_rows_of_silent_workers(errands, silent_for=SILENT_FOR) == 1

    taken_over = engine.claim(errands)
    assert [(row.pk, row.fence) for row in taken_over] == [(errand.pk, errand.fence + 1)]
    with pytest.raises(engine.LostLease), engine.settle(errand):
        pass


def test_rows_of_beating_workers_and_of_others_stay_theirs(errands: "Queue[Errand]") -> None:
    for host in ("beating", "a shell", "restarted"):
        held_by(errands, host)
    a_heartbeat("beating", seconds_ago=1)
    a_heartbeat("restarted", seconds_ago=60, name="celery@restarted:7 before")
    a_heartbeat("restarted", seconds_ago=1)

    assert claims.release_rows_of_silent_workers(errands, silent_for=SILENT_FOR) == 0
    assert engine.claim(errands) == []
