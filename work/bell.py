"""Ring for work that is due. A bell carries no work: losing one costs a second, never a row."""

import logging
import threading
import time
from functools import partial
from typing import Any

from celery import current_app
from django.core.cache import caches
from django.db import transaction
from kombu import Connection
from kombu.pools import producers

from work.broker import PUBLISHER_OPTIONS
from work.queues import queue_named

logger = logging.getLogger(__name__)
HANGS_SECONDS = 2
SILENCE_SECONDS = 5.0
EXPIRES_SECONDS = 30
_LOUDNESSES = {0: 20.0, 3: 50.0, 6: float("inf")}


class _Silence:
    """No bells for a while after the broker failed, so that nobody waits for it twice in a row."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._lock = threading.Lock()

    def reigns(self) -> bool:
        return time.monotonic() < self._until

    def begin(self, problem: Exception) -> None:
        with self._lock:
            if not self.reigns():
                logger.warning("no bells for %s seconds: %s", SILENCE_SECONDS, type(problem).__name__)
            self._until = time.monotonic() + SILENCE_SECONDS

    def end(self) -> None:
        self._until = float("-inf")


silence = _Silence()


def ring(queue_name: str, lane: str | None = None, *, priority: int = 50) -> None:
    """Tell the workers that rows are due; never raises, never waits more than a second.

    `priority` is that of the row: bells for urgent rows are heard before those that hang already. A queue that is
    drained per lane must be rung with the lane. While a bell as loud hangs that no worker has answered yet, another one
    would say nothing new and is not hung.
    """
    if silence.reigns():
        return
    try:
        queue = queue_named(queue_name)
        loudness = _loudness(priority)
        if caches["bells"].add(_hook(queue_name, lane, loudness), 1, timeout=HANGS_SECONDS):
            _publish(queue.task_name, [lane] if queue.per_lane else [], loudness)
    except Exception as problem:  # a bell must not harm whoever rings it
        silence.begin(problem)


def ring_on_commit(queue_name: str, lane: str | None = None, *, priority: int = 50) -> None:
    """Ring once the present transaction is committed (at once outside of one); never raises."""
    transaction.on_commit(partial(ring, queue_name, lane, priority=priority), robust=True)


def take_down(queue_name: str, lane: str | None = None) -> None:
    """Take the lane's bells down before looking for work: whoever rings from now on is heard anew. Never raises."""
    if silence.reigns():
        return
    try:
        caches["bells"].delete_many([_hook(queue_name, lane, loudness) for loudness in _LOUDNESSES])
    except Exception as problem:
        silence.begin(problem)


def _hook(queue_name: str, lane: str | None, loudness: int) -> str:
    return f"{queue_name}:{loudness}:{lane or ''}"


def _loudness(priority: int) -> int:
    """The broker's own scale for a row's priority: 0 is delivered first, 9 last; in steps, a list in Redis each."""
    return next(step for step, most in _LOUDNESSES.items() if priority <= most)


def _publish(task_name: str, args: list[Any], loudness: int) -> None:
    # A connection of its own, with a publisher's time-outs, even inside a worker.
    with producers[_connection()].acquire(block=True, timeout=0.2) as producer:
        current_app.send_task(
            task_name,
            args=args,
            producer=producer,
            expires=EXPIRES_SECONDS,
            retry=False,
            priority=loudness,
            ignore_result=True,
        )


def _connection() -> Connection:
    return current_app.connection_for_write(transport_options=PUBLISHER_OPTIONS)
