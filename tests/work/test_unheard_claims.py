"""A claim whose answer was lost in an outage does not hold its lane for a whole lease."""

import os
import socket
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models import F

from tests.work.conftest import COMMITTING
from tests.work.errands import Errand, put
from tests.work.processes import database_url
from work import claims, engine
from work.queues import Queue
from work.unheard import unheard

pytestmark = COMMITTING


def claimed_unheard(queue: "Queue[Errand]", *, seconds_ago: float) -> Errand:
    """An errand that this process has claimed some time ago; the answer went nowhere."""
    put("a")
    errand = claims.claim_one(queue, "a", claimed_by=f"{socket.gethostname()}:{os.getpid()}")
    assert isinstance(errand, Errand)
    Errand.objects.update(lease_until=F("lease_until") - timedelta(seconds=seconds_ago))
    return errand


def meet_an_outage(queue: "Queue[Errand]") -> None:
    """The database ends this process's connection, which notices when it wants to claim."""
    connection.ensure_connection()
    ours = connection.connection.info.backend_pid
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
    assert engine.drain(queue, "b") == 0


def test_unheard_claim_is_free_after_the_outage(errands: "Queue[Errand]") -> None:
    errand = claimed_unheard(errands, seconds_ago=4)
    meet_an_outage(errands)

    assert engine.give_back_unheard(errands) == 1

    assert [row.pk for row in engine.claim(errands)] == [errand.pk]
    with pytest.raises(engine.LostLease), engine.settle(errand):
        pass


def test_claim_that_may_still_be_heard_of_is_left_alone(
    errands: "Queue[Errand]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CLAIMED_BEFORE", 20.0)
    claimed_unheard(errands, seconds_ago=1)
    meet_an_outage(errands)

    assert engine.give_back_unheard(errands) == 0


def test_row_in_hand_is_left_alone(errands: "Queue[Errand]") -> None:
    errand = claimed_unheard(errands, seconds_ago=4)
    meet_an_outage(errands)

    with unheard.holding(errands.name, errand.pk):
        assert engine.give_back_unheard(errands) == 0


def test_nothing_is_given_back_without_an_outage(
    errands: "Queue[Errand]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unheard, "_doubted_at", {})
    claimed_unheard(errands, seconds_ago=4)

    assert engine.give_back_unheard(errands) == 0
