"""The site's worker, but two kinds of events harm it: one kills the process, one cannot be worked on.

`celery -A tests.drills.poisoned_worker worker`. It judges silent workers after three seconds, so that a drill is short.
"""

import os
from typing import NoReturn

import django

django.setup()

from partner_site.celery import app  # noqa: E402 # models need Django to be set up
from webhooks import handlers  # noqa: E402
from work.engine import GiveUp  # noqa: E402
from work.heartbeat import Heartbeat  # noqa: E402
from work.pulse import Thresholds  # noqa: E402

__all__ = ["app"]


def die(told: object) -> NoReturn:
    """End the process as a crash in some library does."""
    os._exit(139)


def fail(told: object) -> NoReturn:
    """Meet what nobody has thought of."""
    raise GiveUp("DrilledFailure")


handlers.HANDLERS["v2.drill.poison"] = die
handlers.HANDLERS["v2.drill.broken"] = fail
Heartbeat.thresholds = Thresholds(silent=3.0)
