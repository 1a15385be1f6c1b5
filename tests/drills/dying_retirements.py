"""The site's worker, killed while it makes keys, as `dying_worker`, and while it ends those that were replaced.

`celery -A tests.drills.dying_retirements worker`. Of each way of renewing, each step of ending kills one worker, and
each ending at most one: so every step is died at, as long as there are as many endings as steps.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from tests.drills.dying_worker import DEATHS, SENT_SECONDS, app, die_once

# isort: split
from stripe_keys.managed import retiring
from stripe_keys.models import Minting, Retirement
from work import engine

__all__ = ["app", "die_where_nobody_has"]


def die_where_nobody_has(row: object, step: str, *, after: float = 0.0) -> None:
    """Be killed at that step of ending `row`, if it is of a key that was replaced, and neither has had its death."""
    if not isinstance(row, Retirement) or row.key_id is None:
        return
    if any(note.read_text() == str(row.pk) for note in DEATHS.glob("ending-*")):
        return
    renewal = Minting.objects.get(replaces=row.key_id)
    die_once(f"ending-{renewal.how}-{step}", row.pk, after=after)


def _with_death(room: Any, name: str, step: str, *, after: float = 0.0) -> None:
    """Have whoever calls that function with a retirement die before it, or so many seconds after."""
    real: Callable[..., Any] = getattr(room, name)

    @wraps(real)
    def dying(row: object, *more: Any) -> Any:
        die_where_nobody_has(row, step, after=after)
        return real(row, *more)

    setattr(room, name, dying)


_with_death(retiring, "_expire", "in_the_wish", after=SENT_SECONDS)
_with_death(retiring, "_expire", "before_the_wish")
_with_death(engine, "hold", "before_the_wish_is_noted")
_with_death(retiring, "_seen", "before_a_look")
_with_death(retiring, "_wait", "still_accepted")
_with_death(retiring, "_end", "before_the_end")
