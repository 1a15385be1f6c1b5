"""One turn of a run: a few rounds of work, each saved under the row's fence, then room for others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from webhooks.models import Reconciliation
from work import engine
from work.activity import activity
from work.pool import connection_to_pool

TURN_SECONDS = 15.0
LEASE = timedelta(seconds=60)
GAP = timedelta(hours=1)
_COUNTS = (
    "phase",
    "progress",
    "accounts_total",
    "accounts_done",
    "accounts_failed",
    "events_listed",
    "events_missed",
    "installs_mended",
    "keys_to_check",
)
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
MOST_SILENT = 12  # waits in a row, three quarters of an hour together
_follower: ContextVar[Callable[[Reconciliation], None] | None] = ContextVar("follower", default=None)


@contextmanager
def following(tell: Callable[[Reconciliation], None]) -> Iterator[None]:
    """`tell` is called with a run whenever work on it within the block was saved."""
    token = _follower.set(tell)
    try:
        yield
    finally:
        _follower.reset(token)


class Turn:
    """What the phases of a run work with: the claimed row, what is asked of it, and how long this turn goes on."""

    def __init__(self, row: Reconciliation) -> None:
        self.row = row
        self._until = time.monotonic() + TURN_SECONDS
        self._note_gap()

    @property
    def progress(self) -> dict[str, Any]:
        """Where the run stands; plain JSON, written with the next save."""
        progress: dict[str, Any] = self.row.progress
        return progress

    @property
    def is_dry(self) -> bool:
        """Whether the run only looks."""
        return bool(self.progress.get("options", {}).get("dry_run"))

    @property
    def limit(self) -> int | None:
        """To how many accounts the run keeps."""
        limit: int | None = self.progress.get("options", {}).get("limit")
        return limit

    @property
    def gap_since(self) -> datetime | None:
        """Since when nobody searched because nobody worked, if that is so."""
        since = self.progress.get("gap_since")
        return datetime.fromisoformat(since) if since else None

    def _note_gap(self) -> None:
        """A run that lay still for long, because no worker was there, has a gap of its own."""
        saved_at = self.progress.get("saved_at")
        if saved_at and timezone.now() - datetime.fromisoformat(saved_at) > GAP:
            self.progress.setdefault("gap_since", saved_at)

    def is_over(self) -> bool:
        """Whether the next round is left to the next turn."""
        return time.monotonic() > self._until or activity.closing.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, unless the process is about to end. Holds nothing meanwhile."""
        if seconds > 0:
            connection_to_pool()
            activity.closing.wait(seconds)

    def pace(self, requests: int, began: float) -> None:
        """Wait until so many requests, sent at `began` (monotonic), are within the rate."""
        self.pause(began + requests / settings.RECONCILE_REQUESTS_PER_SECOND - time.monotonic())

    def note(self, about: str, code: str) -> None:
        """Keep a remark of ours about a phase."""
        self.progress.setdefault("notes", {})[about] = code

    @contextmanager
    def save(self) -> Iterator[None]:
        """One transaction for a round: what it wrote and where the run stands, if the row is still ours.

        Whoever got so far has not failed, so that a run that is often interrupted is not given up for it.
        """
        with engine.hold(self.row):
            yield
            self.progress["saved_at"] = timezone.now().isoformat()
            self.row.attempts = 1
            values = {name: getattr(self.row, name) for name in (*_COUNTS, "attempts")}
            Reconciliation.objects.filter(pk=self.row.pk).update(**values)
        tell = _follower.get()
        if tell is not None:
            tell(self.row)

    def stripe_answered(self) -> None:
        """The next silence is counted anew."""
        self.progress["silent"] = 0

    def stripe_was_silent(self, *, patience: int = MOST_SILENT) -> bool:
        """Save, and wait longer each time; False once that has been done often enough.

        Raises:
            engine.Postpone: go on later.
        """
        silent = self.progress.get("silent", 0) + 1
        if silent >= patience:
            return False
        self.progress["silent"] = silent
        with self.save():
            pass
        seconds = min(_FIRST_WAIT * 2 ** (silent - 1), _LONGEST_WAIT)
        raise engine.Postpone(timedelta(seconds=seconds), "StripeUnavailable")
