"""The site's worker, killed as `dying_retirements`, and beside that while the overlap of a rotation runs.

`celery -A tests.drills.dying_overlaps worker`. One worker dies before a new key takes over, one when it has, but nobody
knows yet, and one that has found an old key to be left alone for now.
"""

from datetime import timedelta
from typing import Any

from tests.drills.dying_retirements import app, die_where_nobody_has
from tests.drills.dying_worker import die_once

# isort: split
from stripe_keys import takeover
from stripe_keys.models import RestrictedKey
from tests.drills.dying_steps import TAKEOVER_STEPS, TOO_EARLY
from work import engine

__all__ = ["app"]

_take_over, _postpone = takeover._take_over, engine.postpone
_BEFORE, _IN = TAKEOVER_STEPS


def _dying_takeover(key: RestrictedKey, to: str, reason: str) -> str:
    die_once(f"takeover-{_BEFORE}", 0)
    status = _take_over(key, to, reason)
    die_once(f"takeover-{_IN}", 0)
    return status


def _dying_postponement(row: Any, delay: timedelta, problem: str) -> None:
    if problem == "ServesUntilThen":
        die_where_nobody_has(row, TOO_EARLY)
    _postpone(row, delay, problem)


takeover._take_over = _dying_takeover
engine.postpone = _dying_postponement
