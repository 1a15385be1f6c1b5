"""How fast the keys of all merchants are made and ended: within the app's budget, and behind its other questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import uniform

from stripe_keys import app_pace, gateway

# One line for all merchants: however many keys wait to be made, half of the budget is left to events.
_LINE = "keys that the app makes"
_REST_SECONDS = 2.0


@contextmanager
def calls(number: int, *, livemode: bool) -> Iterator[None]:
    """Within the block so many calls are made as the app.

    Raises:
        app_pace.NotNow: before the block, because the budget is spent; or after it, because Stripe was asked too often
            (then everybody pauses).
    """
    pace = app_pace.pace_of(livemode=livemode)
    pace.spend(number - pace.take(number, _LINE))
    try:
        yield
    except gateway.StripeThrottled:
        pace.note(throttled=True)
        raise app_pace.NotNow(timedelta(seconds=_REST_SECONDS * uniform(1.0, 2.0)), "Throttled") from None  # noqa: S311
    pace.note(throttled=False)
