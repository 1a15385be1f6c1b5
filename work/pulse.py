"""What a worker does each second, whatever the broker does: beat, create slots, ring, lend a hand, or end itself."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import close_old_connections
from django.db.models.functions import Now

from work import bell, claims, periodic
from work.activity import activity
from work.engine import drain_suspects, drain_waiting, give_back_unheard, problem_of
from work.models import WorkerHeartbeat
from work.pool import own_connection
from work.queues import Queue, queues

logger = logging.getLogger(__name__)
EXIT_FOR_RESTART = 70


@dataclass(frozen=True)
class Thresholds:
    """After how many seconds the pulse does what; measured defaults, shorter in tests."""

    tick: float = 1.0
    bell_lost: float = 2.0
    overdue: float = 15.0
    stuck: float = 8.0
    asleep: float = 5.0
    silent: float = 10.0
    rings_per_tick: int = 256


class Pulse:
    """A daemon thread that keeps due rows moving; `stop()` ends it.

    It needs the database only, over a connection of its own. While that is away it waits, says so once, and never ends
    the process for it.
    """

    def __init__(self, name: str, thresholds: Thresholds | None = None) -> None:
        self.name = name[:150]
        self.thresholds = thresholds or Thresholds()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._hands: dict[str, threading.Thread] = {}
        self._last_tick = self._awake_since = time.monotonic()
        self._outage = ""

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating; returns when the present beat and the rows in hand are over, or after some seconds at most."""
        self._stopping.set()
        self._thread.join(timeout=5)
        for hand in self._hands.values():
            hand.join(timeout=10)

    def _run(self) -> None:
        with own_connection():
            while not self._stopping.is_set():
                self._tick_whatever_happens()
                self._stopping.wait(self.thresholds.tick)

    def _tick_whatever_happens(self) -> None:
        self._notice_sleep()
        try:
            self.tick()
            if self._outage:
                logger.info("pulse: beating again")
                self._outage = ""
        except Exception as problem:  # a pulse that ends for one bad second would help nobody
            if not self._outage:
                logger.error("pulse: no beat for now (%s)", problem_of(problem))  # noqa: TRY400 # no outside text
            self._outage = problem_of(problem)
            self._awake_since = time.monotonic()
        finally:
            close_old_connections()

    def tick(self) -> None:
        """One beat: raises whatever the database raises."""
        self._beat()
        periodic.create_slots()
        oldest = max([self._look_after(queue) for queue in queues().values()], default=0.0)
        self._watch(oldest)

    def _beat(self) -> None:
        WorkerHeartbeat.objects.bulk_create(
            [WorkerHeartbeat(name=self.name, host=socket.gethostname(), pid=os.getpid(), beat_at=Now())],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["pid", "beat_at"],
        )

    def _look_after(self, queue: Queue[Any]) -> float:
        """Ring for the lanes that wait, and work on them here when no bell is heard; returns the longest wait."""
        if queue.takes_over_early and self._may_judge_others():
            claims.release_rows_of_silent_workers(queue, silent_for=self.thresholds.silent)
        give_back_unheard(queue)
        if claims.has_suspects(queue):
            self._lend_a_hand(queue, drain_suspects)
        waiting = claims.waiting_lanes(queue)
        if not waiting:
            return 0.0
        most_urgent = waiting[: self.thresholds.rings_per_tick if queue.per_lane else 1]
        for each in most_urgent:
            bell.ring(queue.name, each.lane if queue.per_lane else None, priority=each.priority)
        if activity.seconds_since_bell(queue.name) > self.thresholds.bell_lost:
            self._lend_a_hand(queue, _drain_without_bell)
        return max(each.waited for each in waiting)

    def _may_judge_others(self) -> bool:
        """After an outage or a sleep everybody's beats are old: others get the time that we had to beat again."""
        return time.monotonic() - self._awake_since > self.thresholds.silent

    def _lend_a_hand(self, queue: Queue[Any], drain: Callable[[Queue[Any]], int]) -> None:
        """Drain the queue in a thread of this process, one thread per queue and way at most."""
        name = f"{drain.__name__} {queue.name}"
        hand = self._hands.get(name)
        if hand is None or not hand.is_alive():
            hand = threading.Thread(target=_drain_here, args=[queue, drain], name=name, daemon=True)
            self._hands[name] = hand
            hand.start()

    def _notice_sleep(self) -> None:
        """A process that was frozen, or whose machine slept, has to be given time before it is called stuck."""
        now = time.monotonic()
        if now - self._last_tick > self.thresholds.asleep:
            self._awake_since = now
        self._last_tick = now

    def _watch(self, oldest: float) -> None:
        """End the process, for its supervisor to restart, when work waits and nothing here moves any more."""
        limits = self.thresholds
        awake = time.monotonic() - self._awake_since
        stuck = min(activity.seconds_stuck(), awake)
        if oldest <= limits.overdue or stuck <= limits.stuck or activity.closing.is_set():
            return
        logger.critical(
            "worker %s: work has waited %.0f s and nothing moved here for %.0f s; ending the process for a restart",
            self.name,
            oldest,
            stuck,
        )
        os._exit(EXIT_FOR_RESTART)


def _drain_without_bell(queue: Queue[Any]) -> int:
    return drain_waiting(queue, by_bell=False)


def _drain_here(queue: Queue[Any], drain: Callable[[Queue[Any]], int]) -> None:
    try:
        drain(queue)
    except Exception as problem:
        logger.error("queue %s: draining without a bell failed (%s)", queue.name, problem_of(problem))  # noqa: TRY400
    finally:
        close_old_connections()
