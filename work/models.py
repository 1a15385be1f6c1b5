"""Rows that are due at a moment: the queue of everything that happens later."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

# The `problem` of a suspect: its worker has died with it, and more than once. It may be what killed it.
LOST = "WorkerLost"


class DueRow(models.Model):
    """A piece of work that is due at a moment; the row itself is the queue entry.

    Rows of one `lane` are worked on one at a time: the database refuses a second claimed row per lane. `fence` grows
    with every claim and every end, so a worker that lost its row can prove nothing with the number it holds. All
    moments are read from the database's clock.

    Inherit with `class Meta(DueRow.Meta)`, and extend its lists (`[*DueRow.Meta.constraints, …]`) instead of replacing
    them: the constraints are the promise. Index names end in one letter because Django allows them thirty.
    """

    class State(models.TextChoices):
        """Where a row stands; `waiting` and `claimed` are open, `done` and `dead` are ends."""

        WAITING = "waiting", "Waiting"
        CLAIMED = "claimed", "Claimed"
        DONE = "done", "Done"
        DEAD = "dead", "Dead"

    lane = models.CharField(max_length=64, editable=False)
    priority = models.SmallIntegerField(default=50, editable=False, help_text="Lower goes first.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING, editable=False)
    due_at = models.DateTimeField(db_default=Now(), editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_by = models.CharField(max_length=100, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    problem = models.CharField(
        max_length=300,
        blank=True,
        editable=False,
        help_text="Our own words: a class or a code, never outside text.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["lane"],
                condition=Q(state="claimed"),
                name="%(app_label)s_%(class)s_one_claim_per_lane",
            ),
            models.CheckConstraint(
                condition=~Q(state="claimed") | Q(lease_until__isnull=False),
                name="%(app_label)s_%(class)s_claim_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "claimed", "done", "dead"]),
                name="%(app_label)s_%(class)s_state_is_known",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["lane", "priority", "due_at", "id"],
                condition=Q(state="waiting"),
                name="%(app_label)s_%(class)s_w",
            ),
            models.Index(
                fields=["due_at"],
                condition=Q(state="waiting", problem=LOST),
                name="%(app_label)s_%(class)s_s",
            ),
        ]

    is_followed = True
    """Whether others of its lane were due at the moment of the claim; True where that is not known."""

    def last_words(self) -> dict[str, Any]:
        """Fields of its own that are written together with its good end."""
        return {}


class PeriodicSlot(DueRow):
    """One run of a periodic job; unique per job and slot, so any number of workers may create it."""

    job = models.CharField(max_length=64, editable=False)
    slot = models.DateTimeField(editable=False, help_text="The moment the period began.")

    class Meta(DueRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *DueRow.Meta.constraints,
            models.UniqueConstraint(fields=["job", "slot"], name="work_periodicslot_once_per_slot"),
        ]

    def __str__(self) -> str:
        return f"{self.job} at {self.slot}"


class WorkerHeartbeat(models.Model):
    """That a worker process was alive, and when last; one row per process."""

    name = models.CharField(max_length=150, unique=True, editable=False)
    host = models.CharField(max_length=100, editable=False)
    pid = models.PositiveIntegerField(editable=False)
    beat_at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return self.name
