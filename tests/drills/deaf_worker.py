"""The site's worker as a silent stall leaves it: alive, its heart beating, and nothing taken up any more.

`celery -A tests.drills.deaf_worker worker -Q nobody` hears no bell, and its pulse lends no hand.
"""

import django

django.setup()

from partner_site.celery import app  # noqa: E402 # models need Django to be set up
from work.pulse import Pulse  # noqa: E402

__all__ = ["app"]


def keep_still(*_: object) -> None:
    """Lend no hand."""


Pulse._lend_a_hand = keep_still  # type: ignore[method-assign, assignment]
