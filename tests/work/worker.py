"""A Celery application for worker processes of the tests: the real heartbeat, in a hurry, and the queue of errands."""

import logging
import os
from datetime import timedelta
from threading import Thread

import django
from celery import Celery

from work import broker

django.setup()

from tests.work.errands import errand_queue  # noqa: E402 # models need Django to be set up
from work.activity import activity  # noqa: E402
from work.engine import drain, register  # noqa: E402
from work.heartbeat import Heartbeat  # noqa: E402
from work.pulse import Thresholds  # noqa: E402


class QuickHeartbeat(Heartbeat):
    """A heartbeat with little patience."""

    name = "quick heartbeat"
    thresholds = Thresholds(
        tick=float(os.environ.get("ERRAND_TICK", "0.1")),
        bell_lost=float(os.environ.get("ERRAND_BELL_LOST", "0.3")),
        overdue=float(os.environ.get("ERRAND_OVERDUE", "15")),
        stuck=float(os.environ.get("ERRAND_STUCK", "8")),
    )


register(
    errand_queue(
        lease=timedelta(seconds=float(os.environ.get("ERRAND_LEASE", "30"))),
        backoff=lambda attempts: timedelta(seconds=0.2 * attempts),
    )
)
app = Celery("tests.work.worker", set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
broker.configure(app)
app.autodiscover_tasks()
app.steps["worker"].add(QuickHeartbeat)


@app.task(name="tests.work.drain_errands")
def drain_errands(lane: str) -> None:
    """Answer the bell of one lane of errands."""
    drain("errands", lane)


def _say_when_no_more_is_taken() -> None:
    """Celery announces its end a moment before the rest of the process knows of it."""
    activity.closing.wait()
    logging.getLogger(__name__).info("takes no more rows")


Thread(target=_say_when_no_more_is_taken, daemon=True).start()
