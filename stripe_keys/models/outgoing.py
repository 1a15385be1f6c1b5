"""What the partner's own systems are told."""

from typing import Any, ClassVar

from django.db import models

from stripe_keys.models.records import StatusChange
from work.models import DueRow


class OutgoingMessage(DueRow):
    """One message to one of the partner's endpoints: a due row until that has answered 2xx.

    `body` is what is signed and sent, to the letter: ids, statuses and moments, never a key, name or address.
    """

    message_id = models.CharField(
        max_length=40, help_text="The same at each try, for the receiver to know repetitions by."
    )
    endpoint = models.CharField(max_length=60, help_text="The name of the endpoint in the settings.")
    type = models.CharField(max_length=60)
    body = models.TextField()
    change = models.ForeignKey(
        StatusChange, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages"
    )
    last_status = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="HTTP status of the last answer."
    )

    class Meta(DueRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *DueRow.Meta.constraints,
            models.UniqueConstraint(fields=["message_id", "endpoint"], name="a_message_once_per_endpoint"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            *DueRow.Meta.indexes,
            models.Index(fields=["finished_at"], name="messages_by_their_end"),
        ]

    def __str__(self) -> str:
        return f"{self.type} to {self.endpoint}"

    def last_words(self) -> dict[str, Any]:
        """The status of the answer that took it."""
        return {"last_status": self.last_status}


class PartnerEndpoint(models.Model):
    """How one of the partner's endpoints takes messages; the settings say where it is and which there are."""

    name = models.CharField(max_length=60, unique=True)
    failures = models.PositiveIntegerField(default=0, help_text="Messages in a row that it did not take.")
    failing_since = models.DateTimeField(null=True, blank=True)
    closed_until = models.DateTimeField(
        null=True, blank=True, help_text="Nothing is sent before; then one message finds out."
    )
    gone_at = models.DateTimeField(
        null=True, blank=True, help_text="It has answered 410: nothing is sent until ops say so."
    )

    def __str__(self) -> str:
        return self.name
