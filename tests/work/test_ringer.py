"""The ringer: rings soon and from a thread of its own, once for many, and delays nobody."""

import os
import signal
import threading
import warnings
from collections.abc import Iterator

import pytest
import redis
from django.db import transaction

from tests.waiting import eventually
from tests.work.errands import Errand
from tests.work.test_bell import rung
from work import ringer
from work.engine import Queue
from work.ringer import FEW_LANES, Ringer

Rung = list[tuple[str, str | None]]


@pytest.fixture
def heard() -> Rung:
    """What was rung."""
    return []


@pytest.fixture
def by_hand(heard: Rung) -> Iterator[Ringer]:
    """A ringer whose thread waits behind a bell that takes long, so that a test rings what was noted."""
    is_over, rings = threading.Event(), threading.Event()

    def ring(queue_name: str, lane: str | None) -> None:
        if threading.current_thread() is not threading.main_thread():
            rings.set()
            is_over.wait()
            return
        heard.append((queue_name, lane))

    made = Ringer(ring)
    made.note("errands", "first")
    assert rings.wait(10)
    yield made
    is_over.set()


def test_each_of_few_lanes_is_rung_once(by_hand: Ringer, heard: Rung) -> None:
    for lane in ["ada", "eve", "ada"]:
        by_hand.note("errands", lane)

    by_hand.ring_what_was_noted()

    assert sorted(heard, key=str) == [("errands", "ada"), ("errands", "eve")]


def test_many_lanes_are_one_bell_for_all(by_hand: Ringer, heard: Rung) -> None:
    for number in range(100 * FEW_LANES):
        by_hand.note("errands", f"lane {number}")

    by_hand.ring_what_was_noted()

    assert heard == [("errands", None)]


def test_what_was_rung_is_not_rung_again(by_hand: Ringer, heard: Rung) -> None:
    by_hand.note("errands", "ada")
    by_hand.ring_what_was_noted()

    by_hand.ring_what_was_noted()

    assert heard == [("errands", "ada")]


def test_note_is_rung_without_anybody_waiting(heard: Rung) -> None:
    ringing = Ringer(lambda queue_name, lane: heard.append((queue_name, lane)))

    ringing.note("errands", "ada")
    eventually(lambda: heard == [("errands", "ada")])
    ringing.note("errands", "eve")

    eventually(lambda: heard[1:] == [("errands", "eve")])


def test_note_is_taken_while_the_broker_is_waited_for(by_hand: Ringer) -> None:
    """Were the note to wait for the bell that takes long, this test would not end."""
    by_hand.note("errands", "ada")


def test_ringer_goes_on_after_a_thread_that_failed(heard: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = [True]

    def ring(queue_name: str, lane: str | None) -> None:
        if fails.pop():
            raise ZeroDivisionError
        heard.append((queue_name, lane))
        fails.append(False)

    failures: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: failures.append(told.exc_type))
    ringing = Ringer(ring)
    ringing.note("errands", "ada")
    eventually(lambda: bool(failures))
    fails.append(False)

    def is_rung() -> bool:
        ringing.note("errands", "eve")
        return ("errands", "eve") in heard

    eventually(is_rung)


def test_forked_process_has_a_ringer_of_its_own(broker: "redis.Redis") -> None:
    ringer.ringer.note("periodic", None)

    with warnings.catch_warnings():  # newer Pythons warn of what is tested here: a fork beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        is_fresh = ringer.ringer._thread is None and not ringer.ringer._noted
        os.kill(os.getpid(), signal.SIGTERM if is_fresh else signal.SIGKILL)

    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM


def test_bell_rings_soon_after_the_commit(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    with transaction.atomic():
        ringer.ring_soon_after_commit("errands", "ada")
        assert ringer.ringer.is_quiet.is_set()
        assert rung(broker) == []

    eventually(lambda: [message["args"] for message in rung(broker)] == [["ada"]])
