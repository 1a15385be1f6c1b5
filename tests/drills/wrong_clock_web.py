"""The site's web process, where Django's clock is wrong by DRILL_CLOCK_WRONG_BY seconds.

Not by libfaketime: under that gunicorn cannot sleep.
"""

import os
from datetime import datetime, timedelta

from django.utils import timezone

from partner_site.wsgi import application

__all__ = ["application"]

_true_now = timezone.now
_wrong_by = timedelta(seconds=int(os.environ["DRILL_CLOCK_WRONG_BY"]))


def now() -> datetime:
    """What a clock says that is wrong."""
    return _true_now() + _wrong_by


timezone.now = now
