"""The search for what never reached us: its runs, and up to which moment each account has been searched."""

from typing import ClassVar

from django.db import models

from work.models import DueRow


class Reconciliation(DueRow):
    """One run: the events that Stripe lists, the installs, and the keys, compared with what we hold.

    It is a due row that is worked on in short turns; `progress` says where the next turn goes on, so that a run
    outlives its worker. One run at a time.
    """

    class Phase(models.TextChoices):
        """What a run does, in this order."""

        EVENTS = "events", "Events"
        INSTALLS = "installs", "Installs"
        KEYS = "keys", "Keys"
        FINISHED = "finished", "Finished"

    LANE = "reconciliation"

    asked_for_by = models.CharField(
        max_length=200, blank=True, help_text="Empty where the site began by itself."
    )
    since = models.DateTimeField(
        null=True, blank=True, help_text="Search from here on; empty: from each account's own cursor."
    )
    only_account = models.CharField(max_length=80, blank=True)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.EVENTS)
    progress = models.JSONField(default=dict, blank=True)
    accounts_total = models.PositiveIntegerField(default=0)
    accounts_done = models.PositiveIntegerField(default=0)
    accounts_failed = models.PositiveIntegerField(default=0)
    events_listed = models.PositiveIntegerField(default=0)
    events_missed = models.PositiveIntegerField(
        default=0, help_text="Listed by Stripe, and never delivered here."
    )
    installs_mended = models.PositiveIntegerField(default=0)
    keys_to_check = models.PositiveIntegerField(default=0)

    class Meta(DueRow.Meta):
        pass

    def __str__(self) -> str:
        return f"reconciliation of {self.created_at:%Y-%m-%d %H:%M}"


class AccountCursor(models.Model):
    """Up to which moment the events of one account and mode, as Stripe lists them, are all here."""

    stripe_account_id = models.CharField(max_length=80)
    livemode = models.BooleanField()
    listed_until = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(
        max_length=60, blank=True, help_text="Why the last try ended early; our own words."
    )
    tried_at = models.DateTimeField(null=True, blank=True)
    seen_installed_at = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe's list of installs last showed the app there."
    )
    next_path = models.TextField(
        blank=True, db_default="", help_text="Where a list too long for one search goes on."
    )
    next_since = models.DateTimeField(null=True, blank=True, help_text="From when on that list is.")
    next_until = models.DateTimeField(null=True, blank=True, help_text="When that list was begun.")
    next_pages = models.PositiveIntegerField(db_default=0, help_text="How much of it has been read.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "livemode"], name="one_cursor_per_account_and_mode"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_account_id} ({'live' if self.livemode else 'test'})"
