"""The events' queue and the task that answers its bell."""

from datetime import timedelta

from celery import shared_task

from webhooks import handlers, inbox
from webhooks.models import EventNotification
from work import engine
from work.engine import Queue

EVENTS = Queue(
    name=inbox.QUEUE,
    model=EventNotification,
    process=handlers.process,
    task_name="webhooks.tasks.drain_events",
    lease=timedelta(seconds=60),
    on_dead=handlers.gave_up,
)


@shared_task
def drain_events(lane: str | None = None) -> int:
    """Work on the due events of one Stripe account, or of all that wait; returns how many."""
    return engine.drain(EVENTS, lane=lane) if lane is not None else engine.drain_waiting(EVENTS)
