"""The last phase: after a gap, keys that nobody has looked at since it began are looked at, at the usual pace."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from stripe_keys import sweeps
from webhooks.models import Reconciliation
from webhooks.reconciling.turns import GAP, Turn

_AT_ONCE = 1000


def look_again(turn: Turn) -> bool:
    """Go on having keys looked at again; returns whether that is done."""
    since = turn.row.since or turn.gap_since or _end_of_the_search_before(turn.row)
    if since is None:
        turn.note("keys", "no_gap")
        return True
    if turn.is_dry:
        turn.note("keys", "dry_run")
        return True
    while True:
        after = turn.progress.get("key")
        with turn.save():
            ids = sweeps.bring_forward(
                since=since,
                now=timezone.now(),
                after=UUID(after) if after else None,
                stripe_account_id=turn.row.only_account,
                limit=_AT_ONCE,
            )
            turn.row.keys_to_check += len(ids)
            if ids:
                turn.progress["key"] = str(ids[-1])
        if len(ids) < _AT_ONCE:
            sweeps.plan(timezone.now())
            return True
        if turn.is_over():
            return False


def _end_of_the_search_before(row: Reconciliation) -> datetime | None:
    """When the last whole search before this one began, if it ended so long ago that one is missing since."""
    whole = Reconciliation.objects.filter(state=Reconciliation.State.DONE, progress__is_whole=True)
    last = whole.filter(pk__lt=row.pk).order_by("-pk").first()
    if last is None or last.finished_at is None or row.created_at - last.finished_at <= GAP:
        return None
    return last.created_at
