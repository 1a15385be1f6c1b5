"""What this process has been doing with due rows; in memory only, read by its heartbeat."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta


class Activity:
    """When bells were heard and rows were worked on in this process, by the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bells: dict[str, float] = {}
        self._deadlines: dict[object, float] = {}
        self._last_progress = time.monotonic()
        self.closing = threading.Event()

    def heard_bell(self, queue_name: str) -> None:
        """A bell of that queue has been answered just now."""
        with self._lock:
            self._bells[queue_name] = time.monotonic()

    def seconds_since_bell(self, queue_name: str) -> float:
        """Seconds since a bell of that queue was answered; infinite if none ever was."""
        with self._lock:
            return time.monotonic() - self._bells.get(queue_name, float("-inf"))

    @contextmanager
    def working(self, lease: timedelta) -> Iterator[None]:
        """Count the block as work on one row, which is trusted to end within its lease."""
        token = object()
        with self._lock:
            self._last_progress = time.monotonic()
            self._deadlines[token] = self._last_progress + lease.total_seconds()
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[token]
                self._last_progress = time.monotonic()

    def seconds_stuck(self) -> float:
        """Seconds since a row was begun or ended, or 0 while one is being worked on within its lease."""
        now = time.monotonic()
        with self._lock:
            if any(deadline > now for deadline in self._deadlines.values()):
                return 0.0
            return now - self._last_progress


activity = Activity()
