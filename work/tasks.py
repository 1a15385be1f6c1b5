"""The Celery task that answers the bell of the periodic queue."""

from celery import shared_task

from work.engine import drain


@shared_task(name="work.tasks.drain_periodic")
def drain_periodic() -> None:
    """Run every periodic slot that is due."""
    drain("periodic")
