"""What was found out about a key, what became of it, and who did what with it."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant
from stripe_keys.models.keys import RestrictedKey
from work.models import DueRow


class ValidationQuerySet(models.QuerySet["Validation"]):
    """Looks at keys by what follows from them."""

    def checks(self) -> Self:
        """Those that decide about a key. A survey finds out what else it can do, and decides nothing."""
        return self.exclude(reason=Validation.Reason.SURVEY)

    def surveys(self) -> Self:
        """The others."""
        return self.filter(reason=Validation.Reason.SURVEY)


class Validation(DueRow):
    """One check of one key, or one survey: a due row in its merchant's lane."""

    class Reason(models.TextChoices):
        ADDED = "added", "Key added"
        CONFIRMED = "confirmed", "Account confirmed"
        CHECK_NOW = "check_now", "Check asked for"
        PERIODIC = "periodic", "Regular check"
        EVENT = "event", "Stripe reported a change"
        EXPIRY_EVENT = "expiry_event", "Stripe reported the end of this key"
        SECOND_LOOK = "second_look", "A refusal is being confirmed"
        OPS = "ops", "Asked for by support"
        RESTORED = "restored", "The database was restored"
        WITNESS = "witness", "Another key was refused"
        USE_REFUSED = "use_refused", "Stripe refused a call"
        SURVEY = "survey", "Rights beyond what we need"

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="validations")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=14, choices=Reason.choices)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    verdict = models.CharField(max_length=30, blank=True)

    WITHHELD = "Withheld"

    objects = ValidationQuerySet.as_manager()

    class Meta(DueRow.Meta):
        indexes = [
            *DueRow.Meta.indexes,
            models.Index(fields=["finished_at"], name="validations_by_their_end"),
            models.Index(
                fields=["key"], condition=Q(state__in=["waiting", "claimed"]), name="open_validations_by_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.state})"

    def last_words(self) -> dict[str, Any]:
        """The verdict, where it was not written before the end."""
        return {"verdict": self.verdict} if self.verdict else {}

    @property
    def is_withheld(self) -> bool:
        """Whether it has found a key useless and waits until that may show (`stripe_keys.validation.Withheld`)."""
        return self.problem == self.WITHHELD


class PermissionCheck(models.Model):
    """What is known of one permission of a key, and which check found it out; the newest takes the older's place."""

    class Outcome(models.TextChoices):
        GRANTED = "granted", "Granted"
        MISSING = "missing", "Missing"
        UNKNOWN = "unknown", "Could not be checked"

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="permission_checks")
    validation = models.ForeignKey(Validation, on_delete=models.CASCADE, related_name="permission_checks")
    permission = models.CharField(max_length=60)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "permission"], name="one_result_per_key_and_permission"),
        ]

    def __str__(self) -> str:
        return f"{self.permission}: {self.outcome}"


class StatusChange(models.Model):
    """One line of a key's history: who, why, when. Rows are added and never altered (a trigger refuses it)."""

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="status_changes")
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10, choices=RestrictedKey.Status.choices)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"


class KeyUse(models.Model):
    """One opening of an envelope: whoever opens a key writes this row first, or does not get the key."""

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="uses")
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        verbose_name_plural = "openings of keys"

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}"


class KeySubmission(models.Model):
    """One well-formed paste, counted against the limits; the fingerprint lets ops see one key tried by many.

    Naming the account of a key is counted in the same way, apart from pastes.
    """

    class Kind(models.TextChoices):
        PASTE = "paste", "A key was pasted"
        ACCOUNT = "account", "The account of a key was named"

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PASTE, db_default=Kind.PASTE)
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    remote_address = models.GenericIPAddressField(null=True)
    fingerprint = models.BinaryField(max_length=32)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["merchant", "at"], name="submissions_of_a_merchant"),
            models.Index(fields=["remote_address", "at"], name="submissions_of_an_address"),
        ]

    def __str__(self) -> str:
        return f"paste by {self.user}"
