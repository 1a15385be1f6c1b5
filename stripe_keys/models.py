"""A merchant's installs and keys, the envelopes that hold the keys, their checks and their history.

The database keeps the promises: one usable key per merchant, mode and purpose; one merchant per Stripe account and
mode; a usable key always names its account. The commands in `stripe_keys.services` are the only writers.
"""

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Merchant
from work.models import DueRow

DEFAULT_PURPOSE = "default"


RowT_co = TypeVar("RowT_co", bound=models.Model, covariant=True)


class OfMerchantQuerySet(models.QuerySet[RowT_co]):
    """Rows that belong to a merchant; the one door through which pages look at them."""

    def visible_to(self, user: Any) -> Self:
        """The rows of the merchants that `user` belongs to, and no others."""
        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class InstallState(models.Model):
    """A way to Stripe and back that somebody has started: used once, within minutes. Only the hash of it is kept."""

    state_hash = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    livemode = models.BooleanField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"install state of {self.merchant}"


class StripeInstall(models.Model):
    """The binding of one Stripe account and mode to one merchant, and how we know of it."""

    class Status(models.TextChoices):
        INSTALLED = "installed", "Installed"
        UNINSTALLED = "uninstalled", "Uninstalled"

    class Proof(models.TextChoices):
        SIGNED_RETURN = "signed_return", "Signed return from Stripe"
        MERCHANT = "merchant", "Confirmed by the merchant, with a key of the account"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="stripe_installs")
    stripe_account_id = models.CharField(max_length=80)
    livemode = models.BooleanField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.INSTALLED)
    proof = models.CharField(max_length=14, choices=Proof.choices)
    installed_at = models.DateTimeField()
    uninstalled_at = models.DateTimeField(null=True, blank=True)

    objects = OfMerchantQuerySet["StripeInstall"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "livemode"],
                condition=Q(status="installed"),
                name="one_merchant_per_stripe_account_and_mode",
            ),
            models.CheckConstraint(
                condition=Q(status="installed", uninstalled_at__isnull=True)
                | Q(status="uninstalled", uninstalled_at__isnull=False),
                name="install_status_agrees_with_its_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_account_id} ({'live' if self.livemode else 'test'})"


class RestrictedKeyQuerySet(OfMerchantQuerySet["RestrictedKey"]):
    """Restricted keys by what can be done with them."""

    def kept(self) -> Self:
        """Keys whose secret is still stored."""
        return self.filter(status__in=RestrictedKey.KEPT)

    def usable(self) -> Self:
        """Keys that Stripe accepts (suspended ones included: suspension is ours, not Stripe's)."""
        return self.filter(status__in=RestrictedKey.USABLE)


class RestrictedKey(models.Model):
    """One restricted API key: its status in life, its health, and what may be said about it. Never the key itself."""

    class Status(models.TextChoices):
        PENDING = "pending", "Being checked"
        ACTIVE = "active", "Active"
        LIMITED = "limited", "Limited"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Expired"
        REPLACED = "replaced", "Replaced"
        REMOVED = "removed", "Removed"

    KEPT = (Status.PENDING, Status.ACTIVE, Status.LIMITED)
    USABLE = (Status.ACTIVE, Status.LIMITED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="restricted_keys")
    livemode = models.BooleanField()
    purpose = models.CharField(max_length=40, default=DEFAULT_PURPOSE)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    stripe_account_id = models.CharField(max_length=80, blank=True)
    stripe_key_id = models.CharField(max_length=120, blank=True)
    last4 = models.CharField(max_length=4)
    fingerprint = models.BinaryField(max_length=32)
    fingerprint_key_id = models.CharField(max_length=40)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    # What Stripe and people have said about it.
    awaits_account_confirmation = models.BooleanField(default=False)
    rotated_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    successor_stripe_key_id = models.CharField(max_length=120, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    # Health, which never decides about status by itself.
    last_checked_at = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    first_refused_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=60, blank=True)

    objects = RestrictedKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "livemode", "purpose"],
                condition=Q(status__in=["active", "limited"]),
                name="one_usable_key_per_merchant_mode_and_purpose",
            ),
            models.UniqueConstraint(
                fields=["merchant", "livemode", "purpose"],
                condition=Q(status="pending"),
                name="one_pending_key_per_merchant_mode_and_purpose",
            ),
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(status__in=["pending", "active", "limited"]),
                name="a_kept_key_is_stored_once",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["active", "limited"]) | ~Q(stripe_account_id=""),
                name="a_usable_key_names_its_account",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                condition=Q(status__in=["pending", "active", "limited"]),
                name="keys_due_for_a_check",
            ),
            models.Index(
                fields=["stripe_key_id"], condition=~Q(stripe_key_id=""), name="keys_by_stripe_key_id"
            ),
            models.Index(fields=["stripe_account_id", "livemode"], name="keys_by_account_and_mode"),
        ]

    def __str__(self) -> str:
        return self.display

    @property
    def display(self) -> str:
        """How Stripe's Dashboard writes it: prefix, dots, last four characters."""
        return f"rk_{self.mode}_...{self.last4}"

    @property
    def mode(self) -> str:
        """`live` or `test`, as addresses and sentences write it."""
        return "live" if self.livemode else "test"

    @property
    def is_kept(self) -> bool:
        """Whether the secret is still stored."""
        return self.status in self.KEPT

    @property
    def is_usable(self) -> bool:
        """Whether the partner's engineers may call Stripe with it."""
        return self.status in self.USABLE and self.suspended_at is None

    @property
    def is_expiring(self) -> bool:
        """Whether Stripe has said that this key, which still works, will end."""
        return self.status in self.USABLE and (self.expires_at is not None or self.rotated_at is not None)

    @property
    def is_settled(self) -> bool:
        """Whether no check is open, so that a page need not ask again."""
        return not self.validations.filter(
            state__in=["waiting", "claimed"], due_at__lte=timezone.now()
        ).exists()


class MerchantDataKey(models.Model):
    """A merchant's data key, wrapped by the key-encryption key `kek_id`; without it their envelopes are noise."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="data_keys")
    version = models.PositiveIntegerField(default=1)
    kek_id = models.CharField(max_length=40)
    wrapped = models.BinaryField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "version"], name="one_data_key_per_merchant_and_version"
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.version} of {self.merchant}"


class KeyEnvelope(models.Model):
    """The encrypted key (`stripe_keys.vault` reads the bytes). Erasing a key is deleting this row."""

    key = models.OneToOneField(RestrictedKey, on_delete=models.CASCADE, related_name="envelope")
    envelope = models.BinaryField(max_length=600)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"envelope of {self.key}"


class Validation(DueRow):
    """One check of one key: a due row in its merchant's lane."""

    class Reason(models.TextChoices):
        ADDED = "added", "Key added"
        CONFIRMED = "confirmed", "Account confirmed"
        CHECK_NOW = "check_now", "Check asked for"
        PERIODIC = "periodic", "Regular check"
        EVENT = "event", "Stripe reported a change"
        EXPIRY_EVENT = "expiry_event", "Stripe reported the end of this key"
        SECOND_LOOK = "second_look", "A refusal is being confirmed"
        OPS = "ops", "Asked for by support"

    key = models.ForeignKey(RestrictedKey, on_delete=models.CASCADE, related_name="validations")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=14, choices=Reason.choices)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    verdict = models.CharField(max_length=30, blank=True)

    class Meta(DueRow.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.state})"


class PermissionCheck(models.Model):
    """What one validation found out about one permission."""

    class Outcome(models.TextChoices):
        GRANTED = "granted", "Granted"
        MISSING = "missing", "Missing"
        UNKNOWN = "unknown", "Could not be checked"

    validation = models.ForeignKey(Validation, on_delete=models.CASCADE, related_name="permission_checks")
    permission = models.CharField(max_length=60)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["validation", "permission"], name="one_check_per_permission"),
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

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}"


class KeySubmission(models.Model):
    """One well-formed paste, counted against the limits; the fingerprint lets ops see one key tried by many."""

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
