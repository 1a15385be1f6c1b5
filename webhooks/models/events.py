"""What Stripe has told us: one row per event, from the moment its signature was verified."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from work.models import DueRow

CLOCKS_DIFFER_BY = timedelta(minutes=1)


class EventNotification(DueRow):
    """One event of Stripe's, verified and kept: the inbox row, and the queue entry of what follows from it.

    `created_at` is when it reached us, `finished_at` when it was processed. Events of one Stripe account share a lane,
    so that they are worked on one at a time.
    """

    class Payload(models.TextChoices):
        """How much Stripe sent: a thin notification names the event, a snapshot carries its object."""

        THIN = "thin", "Thin notification"
        SNAPSHOT = "snapshot", "Snapshot event"

    class Source(models.TextChoices):
        """How it came to us."""

        DELIVERED = "delivered", "Delivered by Stripe"
        LISTED = "listed", "Found in Stripe's list"

    class Outcome(models.TextChoices):
        """What came of it. A parked event is taken up again once somebody connects its account."""

        APPLIED = "applied", "Applied"
        IGNORED = "ignored", "Nothing to do"
        UNMATCHED = "unmatched", "Nothing of ours"
        PARKED = "parked", "Waits for its account"
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
    source = models.CharField(
        max_length=9, choices=Source.choices, default=Source.DELIVERED, db_default=Source.DELIVERED
    )
    secret_name = models.CharField(
        max_length=60,
        blank=True,
        help_text="Which signing secret fitted; empty for what was found in Stripe's list.",
    )
    body = models.TextField(blank=True, help_text="What was signed; empty once it is too old to be kept.")
    body_sha256 = models.BinaryField(max_length=32, help_text="Of what was signed, to the letter.")
    is_masked = models.BooleanField(
        default=False, db_default=False, help_text="Something in the body looked like a key and was hidden."
    )
    body_forgotten_at = models.DateTimeField(null=True, blank=True)
    replays = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often it was replayed."
    )
    silent_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When Stripe first did not answer about it; empty if it always has, or has begun anew.",
    )
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
            # Whoever stores an event pays for none of these.
            models.Index(
                fields=["stripe_account_id", "livemode"],
                condition=Q(outcome="parked"),
                name="parked_events_by_account",
            ),
            models.Index(fields=["finished_at"], condition=Q(state="dead"), name="dead_events"),
            models.Index(
                fields=["created_at"],
                condition=Q(body_forgotten_at__isnull=False),
                name="events_without_body",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.event_id})"

    @property
    def reported_at(self) -> datetime:
        """When it happened, as far as Stripe says so: no later than it reached us, but for what clocks may differ by.

        A moment of the future would make whatever is reported after it look outdated.
        """
        made = self.stripe_created_at or self.created_at
        return made if made <= self.created_at + CLOCKS_DIFFER_BY else self.created_at

    def last_words(self) -> dict[str, Any]:
        """What became of it is written with its good end."""
        words = ("outcome", "outcome_note", "stripe_key_id", "new_stripe_key_id")
        return {word: getattr(self, word) for word in words}
