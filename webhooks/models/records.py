"""What is written down beside the events: deliveries that contradict them, replays, and which secrets are in use."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from webhooks.models.events import EventNotification


class ConflictingDelivery(models.Model):
    """The id of a known event came with another content: a security note. Its body was not kept and not acted on.

    Whoever can sign such a delivery holds one of our signing secrets, or Stripe has done what it never does.
    """

    event = models.ForeignKey(EventNotification, on_delete=models.CASCADE, related_name="conflicts")
    body_sha256 = models.BinaryField(max_length=32)
    size = models.PositiveIntegerField(help_text="Bytes.")
    type = models.CharField(max_length=200, blank=True)
    stripe_account_id = models.CharField(max_length=80, blank=True)
    secret_name = models.CharField(max_length=60)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "conflicting deliveries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["event", "body_sha256"], name="one_note_per_other_content"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["-last_at"], name="newest_conflicts")]

    def __str__(self) -> str:
        return f"another content of {self.event.event_id}"


class SigningSecretUse(models.Model):
    """When deliveries signed with the secret of this name have come. The secret itself is a setting."""

    name = models.CharField(max_length=60, unique=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    configured_since = models.DateTimeField(
        null=True, blank=True, help_text="When workers first saw it in the settings; empty once it is gone."
    )

    class Meta:
        verbose_name = "signing secret"

    def __str__(self) -> str:
        return self.name


class EventReplay(models.Model):
    """That somebody had events processed again: who, which, and how many. `chosen` holds the conditions or the ids."""

    at = models.DateTimeField(db_default=Now())
    by = models.CharField(max_length=200, help_text="A user's address, or the command and its system user.")
    chosen = models.JSONField(default=dict)
    events = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["-at"]
        verbose_name_plural = "event replays"

    def __str__(self) -> str:
        return f"replay of {self.events} events by {self.by}"
