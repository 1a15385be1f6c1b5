"""The site's worker, killed while it makes a key: of each minting once, at the step that its number chooses.

`celery -A tests.drills.dying_worker worker`. DRILL_DEATHS names a folder where each death is written down, so that
whoever comes next gets further. It judges silent workers after three seconds, so that a drill is short.
"""

import os
import signal
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import django

django.setup()

from partner_site.celery import app  # noqa: E402 # models need Django to be set up
from stripe_keys.managed import minting, storing  # noqa: E402
from stripe_keys.models import Minting  # noqa: E402
from tests.drills.dying_steps import STEPS  # noqa: E402
from work.heartbeat import Heartbeat  # noqa: E402
from work.pulse import Thresholds  # noqa: E402

__all__ = ["DEATHS", "SENT_SECONDS", "app", "die_once"]

DEATHS = Path(os.environ["DRILL_DEATHS"])
SENT_SECONDS = 0.3  # the local Stripe takes longer to answer


def die_once(death: str, of: int, *, after: float = 0.0) -> None:
    """Be killed, as by a machine out of memory, unless somebody has died that death before; `of` is the row in hand."""
    try:
        with (DEATHS / death).open("x") as note:
            note.write(str(of))
    except FileExistsError:
        return
    kill = threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL))
    kill.start()
    if not after:
        kill.join()


def _die_if_chosen(row: Minting, step: str, *, after: float = 0.0) -> None:
    if STEPS[row.pk % len(STEPS)] == step:
        die_once(f"{row.pk}-{step}", row.pk, after=after)


def _with_death(room: Any, name: str, step: str, *, of: int, late: bool = False, after: float = 0.0) -> None:
    """Have whoever calls that function die before it, or after; argument number `of` is the minting."""
    real: Callable[..., Any] = getattr(room, name)

    @wraps(real)
    def dying(*given: Any) -> Any:
        if not late:
            _die_if_chosen(given[of], step, after=after)
        result = real(*given)
        if late:
            _die_if_chosen(given[of], step)
        return result

    setattr(room, name, dying)


_with_death(minting, "_prepare", "before_the_pair", of=0)
_with_death(minting, "_note_asking", "before_the_call", of=0, late=True)
_with_death(minting, "_call", "in_the_call", of=0, after=SENT_SECONDS)
_with_death(minting, "_unfitness", "after_the_answer", of=1)
_with_death(storing, "store", "before_storing", of=0)
_with_death(storing, "store", "after_storing", of=0, late=True)
Heartbeat.thresholds = Thresholds(silent=3.0)
