"""Events that were given up: ops are told, and what the event was about is looked at all the same."""

from django.utils import timezone

from accounts.notices import tell_ops
from webhooks import processing
from webhooks.models import EventNotification


def on_dead(event: EventNotification) -> None:
    """Runs in the transaction that buries. One mail a day for each type of event, however many die."""
    tell_ops(
        subject="An event of Stripe's could not be processed",
        body=(
            f"Event {event.event_id} ({event.type}) was given up after {event.attempts} attempts:"
            f" {event.problem}. Nothing waits behind it, and the account's keys are being checked all the same.\n\n"
            "The ops desk lists it under Event notifications, state Dead, with whatever else died today: this mail"
            " comes once a day for a type of event. When the cause is gone, choose them there and let them be"
            " processed again, or run `manage.py replay_events --since …` (docs/operations.md)."
        ),
        dedupe_key=f"dead-event:{timezone.now():%Y-%m-%d}:{event.type}"[:200],
    )
    processing.gave_up(event)
