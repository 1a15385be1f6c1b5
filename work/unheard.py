"""Claims of this process that it never heard of: the database took them, and its answer was lost in an outage.

Nobody works on such a row, and as its worker is alive nobody takes it over: its lane would stand still for a whole
lease. So for a while after each outage the pulse gives back what this process has claimed and does not hold.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

DOUBTS_LAST = 30.0
# A claim is known to its thread long before; if not, the fence refuses what that thread writes.
CLAIMED_BEFORE = 3.0


class Unheard:
    """What this process holds, and which claims may have gone unheard; in memory only, by the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[tuple[str, int]] = []
        self._doubted_at: dict[str, float] = {}

    @contextmanager
    def holding(self, queue_name: str, row_id: int) -> Iterator[None]:
        """The row is in this process's hands during the block."""
        held = (queue_name, row_id)
        with self._lock:
            self._held.append(held)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(held)

    def doubt(self, queue_name: str) -> None:
        """The database went away: a claim may have been made just then."""
        with self._lock:
            self._doubted_at[queue_name] = time.monotonic()

    def is_possible(self, queue_name: str) -> bool:
        """Whether there was an outage of late."""
        with self._lock:
            return time.monotonic() - self._doubted_at.get(queue_name, float("-inf")) < DOUBTS_LAST

    def held(self, queue_name: str) -> list[int]:
        """The ids of the rows in hand."""
        with self._lock:
            return [row_id for name, row_id in self._held if name == queue_name]


unheard = Unheard()
