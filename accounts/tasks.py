"""The bell of the queue of notices."""

from celery import shared_task

from work.engine import drain


@shared_task(name="accounts.tasks.drain_notices")
def drain_notices(lane: str | None = None) -> int:
    """Send the notices of one merchant that are due; returns how many rows were worked on."""
    return drain("notices", lane)
