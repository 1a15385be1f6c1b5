"""What Stripe has told us: one row per event, from the moment its signature was verified."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from work.models import DueRow


class EventNotification(DueRow):
    """One event of Stripe's, verified and kept: the inbox row, and the queue entry of what follows from it.

    `created_at` is when it reached us, `finished_at` when it was processed. Events of one Stripe account share a lane,
    so that they are worked on one at a time.
    """

    class Payload(models.TextChoices):
        """How much Stripe sent: a thin notification names the event, a snapshot carries its object."""

        THIN = "thin", "Thin notification"
        SNAPSHOT = "snapshot", "Snapshot event"

    class Outcome(models.TextChoices):
        """What came of it."""

        APPLIED = "applied", "Applied"
        IGNORED = "ignored", "Nothing to do"
        UNMATCHED = "unmatched", "Nothing of ours"
        UNKNOWN_TYPE = "unknown_type", "Unknown type"

    event_id = models.CharField(max_length=210, unique=True)
    type = models.CharField(max_length=200)
    payload = models.CharField(max_length=8, choices=Payload.choices)
    livemode = models.BooleanField(null=True, help_text="As the event itself says; empty if it does not.")
    stripe_account_id = models.CharField(max_length=80, blank=True)
    context = models.CharField(
        max_length=300, blank=True, help_text="The whole context; empty unless it is a path of plain ids."
    )
    stripe_created_at = models.DateTimeField(null=True, blank=True)
    secret_name = models.CharField(max_length=60, help_text="Which signing secret fitted.")
    body = models.TextField(help_text="What was signed, to the letter.")
    body_sha256 = models.BinaryField(max_length=32)
    other_bodies = models.PositiveIntegerField(
        default=0, help_text="How often the same id came again with another body; the first body is kept."
    )

    stripe_key_id = models.CharField(max_length=120, blank=True)
    new_stripe_key_id = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    outcome_note = models.CharField(max_length=60, blank=True, help_text="A code of ours.")

    class Meta(DueRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *DueRow.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(outcome=""), name="a_processed_event_has_an_outcome"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            *DueRow.Meta.indexes,
            models.Index(fields=["stripe_account_id", "created_at"], name="events_of_an_account"),
            models.Index(fields=["created_at"], name="events_by_arrival"),
            models.Index(fields=["stripe_key_id"], condition=~Q(stripe_key_id=""), name="events_of_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.event_id})"
