"""Ring soon, and from another thread: for whoever answers many requests a second and must not wait for the broker.

What is noted within a moment is rung together. When many lanes wait, one bell has the workers look at all of them. A
bell that is lost costs what any lost bell costs: the pulse finds the rows.
"""

import os
import threading
import time
from collections.abc import Callable
from functools import partial

from django.db import transaction

from work import bell

FEW_LANES = 4
MOMENT_SECONDS = 0.05
LOUD_MOMENT_SECONDS = 0.25  # whoever looks at all lanes goes on until none waits


class Ringer:
    """A thread of this process, begun with the first note; it ends with the process, and rings nothing twice."""

    def __init__(self, ring: Callable[[str, str | None], None] = bell.ring) -> None:
        self._ring = ring
        self._noted: dict[str, set[str | None]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_quiet = threading.Event()  # nothing is noted, and nothing rings
        self.is_quiet.set()

    def note(self, queue_name: str, lane: str | None) -> None:
        """Have it rung within a moment; never raises, never waits."""
        with self._lock:
            self.is_quiet.clear()
            lanes = self._noted.setdefault(queue_name, set())
            if len(lanes) <= FEW_LANES:  # beyond that nobody asks which
                lanes.add(lane)
            if self._thread is None or not self._thread.is_alive():
                self._begin()
        self._wake.set()

    def _begin(self) -> None:
        try:
            self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
            self._thread.start()
        except RuntimeError:  # no thread to be had, or the process is ending: the pulse will find the rows
            self._thread = None

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(self.ring_what_was_noted())

    def ring_what_was_noted(self) -> float:
        """Ring once for everything that was noted so far; returns for how many seconds to gather the next notes."""
        with self._lock:
            noted, self._noted = self._noted, {}
        pauses = [self._ring_for(queue_name, lanes) for queue_name, lanes in noted.items()]
        with self._lock:
            if not self._noted:
                self.is_quiet.set()
        return max(pauses, default=0.0)

    def _ring_for(self, queue_name: str, lanes: set[str | None]) -> float:
        if len(lanes) > FEW_LANES:
            self._ring(queue_name, None)
            return LOUD_MOMENT_SECONDS
        for lane in lanes:
            self._ring(queue_name, lane)
        return MOMENT_SECONDS


ringer = Ringer()


def ring_soon_after_commit(queue_name: str, lane: str | None) -> None:
    """Ring within a moment of the present transaction's commit (or from now); never raises, never waits.

    For queues of lanes, whose task takes None for all lanes that wait.
    """
    transaction.on_commit(partial(_note, queue_name, lane), robust=True)


def _note(queue_name: str, lane: str | None) -> None:
    ringer.note(queue_name, lane)


def _forget_the_parents_thread() -> None:
    """After a fork the thread is the parent's, and so are its notes; its lock may be held by nobody who lives here."""
    global ringer  # noqa: PLW0603
    ringer = Ringer()


os.register_at_fork(after_in_child=_forget_the_parents_thread)
