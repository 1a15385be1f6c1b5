"""The part of a Celery worker that keeps due rows moving even when Celery itself does not."""

import os
from typing import Any

from celery import bootsteps
from celery.signals import worker_shutting_down

from work import broker
from work.activity import activity
from work.pulse import Pulse, Thresholds


class Heartbeat(bootsteps.StartStopStep):
    """Starts a pulse with the worker and stops it with the worker; needs no broker, hence comes before the consumer."""

    thresholds = Thresholds()

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._pulse = Pulse(f"{parent.hostname}:{os.getpid()}", self.thresholds)
        broker.become_worker(parent.app.conf)
        worker_shutting_down.connect(_finish_rows_and_stop, weak=False, dispatch_uid="work.heartbeat")

    def start(self, parent: Any) -> None:
        """Begin to beat."""
        self._pulse.start()

    def stop(self, parent: Any) -> None:
        """Stop beating."""
        self._pulse.stop()


def _finish_rows_and_stop(**_: object) -> None:
    """Asked to end, a worker finishes the rows in its hands and claims no more."""
    activity.closing.set()
