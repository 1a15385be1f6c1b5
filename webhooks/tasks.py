"""The queues of events and of searches for lost ones, and the tasks that answer their bells."""

from datetime import timedelta

from celery import shared_task

from webhooks import dead_letters, inbox, processing
from webhooks.models import EventNotification, Reconciliation
from webhooks.reconciling import runs, turns
from work import engine
from work.engine import Queue

EVENTS = Queue(
    name=inbox.QUEUE,
    model=EventNotification,
    process=processing.process,
    task_name="webhooks.tasks.drain_events",
    lease=timedelta(seconds=60),
    on_dead=dead_letters.on_dead,
)
RECONCILIATIONS = Queue(
    name=runs.QUEUE,
    model=Reconciliation,
    process=runs.process,
    task_name="webhooks.tasks.drain_reconciliations",
    lease=turns.LEASE,
    may_share_an_end=True,  # a turn is long, and what it has read is taken up again
    on_dead=runs.gave_up,
)


@shared_task
def drain_reconciliations(lane: str = Reconciliation.LANE) -> int:
    """Work on the present search for one turn or more; returns how many."""
    return engine.drain(RECONCILIATIONS, lane=lane)


@shared_task
def drain_events(lane: str | None = None) -> int:
    """Work on the due events of one Stripe account, or of all that wait; returns how many."""
    return engine.drain(EVENTS, lane=lane) if lane is not None else engine.drain_waiting(EVENTS)
