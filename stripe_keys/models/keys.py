"""Restricted keys and the envelopes that hold them."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Merchant
from stripe_keys.models.data_keys import MerchantDataKey
from stripe_keys.models.installs import OfMerchantQuerySet
from stripe_keys.purposes import DEFAULT_PURPOSE


class RestrictedKeyQuerySet(OfMerchantQuerySet["RestrictedKey"]):
    """Restricted keys by what can be done with them."""

    def kept(self) -> Self:
        """Keys whose secret is still stored."""
        return self.filter(status__in=RestrictedKey.KEPT)

    def originals(self) -> Self:
        """Keys whose row holds the very text that was pasted: all but stand-ins."""
        return self.filter(stands_in_for__isnull=True)

    def usable(self) -> Self:
        """Keys that Stripe accepts (suspended ones included: suspension is ours, not Stripe's)."""
        return self.filter(status__in=RestrictedKey.USABLE)

    def locked_in_turn(self) -> Self:
        """The same keys, locked the newest first, as a new key locks the one that it takes over from."""
        return self.order_by("-created_at", "-pk").select_for_update(of=("self",))


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

    class ManagedBy(models.TextChoices):
        USER = "user", "The merchant"
        APP = "app", "The app"

    KEPT = (Status.PENDING, Status.ACTIVE, Status.LIMITED)
    USABLE = (Status.ACTIVE, Status.LIMITED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="restricted_keys")
    livemode = models.BooleanField()
    # An app-managed key may be unrestricted (`sk_`) where MANAGED_KEYS_MAY_BE_UNRESTRICTED says so; others never are.
    is_unrestricted = models.BooleanField(default=False, db_default=False)
    managed_by = models.CharField(
        max_length=4, choices=ManagedBy.choices, default=ManagedBy.USER, db_default=ManagedBy.USER
    )
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
    # Stripe accepts the key but names no account: the merchant is asked, and what they say is believed until Stripe
    # says otherwise.
    awaits_account_id = models.BooleanField(default=False)
    account_is_claimed = models.BooleanField(default=False)
    rotated_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    successor_stripe_key_id = models.CharField(max_length=120, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    # Others know it: nothing but a new key helps.
    leaked_at = models.DateTimeField(null=True, blank=True)
    # The envelope does not open: the merchant is asked to paste the key again, and nobody gets it until then.
    quarantined_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # The same key is kept for another merchant. What is encrypted here is a made-up text of the same look, so that the
    # paste takes the way of any other useless key and nothing of the real one is stored twice.
    stands_in_for = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    # Health, which never decides about status by itself.
    last_checked_at = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    first_refused_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=60, blank=True)
    last_surveyed_at = models.DateTimeField(null=True, blank=True)
    # Since then nobody has looked at everything the key can do; empty once a survey has.
    permissions_changed_at = models.DateTimeField(null=True, blank=True)

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
                condition=Q(status__in=["pending", "active", "limited"], stands_in_for__isnull=True),
                name="a_kept_key_is_stored_once",
            ),
            models.CheckConstraint(
                condition=Q(is_unrestricted=False) | Q(managed_by="app"),
                name="only_the_app_makes_unrestricted_keys",
            ),
            models.CheckConstraint(
                condition=Q(managed_by="user") | ~Q(stripe_key_id=""), name="an_app_managed_key_has_an_id"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["active", "limited"], stands_in_for__isnull=False),
                name="a_stand_in_never_serves",
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
                fields=["last_surveyed_at"],
                condition=Q(status__in=["active", "limited"]),
                name="keys_due_for_a_survey",
            ),
            models.Index(
                fields=["permissions_changed_at"],
                condition=~Q(permissions_changed_at=None),
                name="keys_with_changed_permissions",
            ),
            models.Index(
                fields=["stripe_key_id"], condition=~Q(stripe_key_id=""), name="keys_by_stripe_key_id"
            ),
            models.Index(fields=["stripe_account_id", "livemode"], name="keys_by_account_and_mode"),
            models.Index(
                fields=["first_refused_at"],
                condition=~Q(first_refused_at=None),
                name="keys_that_stripe_refuses",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=["active", "limited"], expires_at__isnull=False),
                name="keys_that_will_end",
            ),
        ]

    def __str__(self) -> str:
        return self.display

    @property
    def display(self) -> str:
        """How Stripe's Dashboard writes it: prefix, dots, last four characters."""
        return f"{'sk' if self.is_unrestricted else 'rk'}_{self.mode}_...{self.last4}"

    @property
    def mode(self) -> str:
        """`live` or `test`, as addresses and sentences write it."""
        return "live" if self.livemode else "test"

    @property
    def is_kept(self) -> bool:
        """Whether the secret is still stored."""
        return self.status in self.KEPT

    @property
    def is_app_managed(self) -> bool:
        """Whether the app made it, and so renews and ends it."""
        return self.managed_by == self.ManagedBy.APP

    @property
    def is_usable(self) -> bool:
        """Whether the partner's engineers may call Stripe with it."""
        return self.status in self.USABLE and self.suspended_at is None and self.quarantined_at is None

    @property
    def is_expiring(self) -> bool:
        """Whether Stripe has said that this key, which still works, will end."""
        return self.status in self.USABLE and (self.expires_at is not None or self.rotated_at is not None)

    @property
    def is_asked_for_account(self) -> bool:
        """Whether its merchant has to say which account it is of."""
        return self.status == self.Status.PENDING and self.awaits_account_id and self.quarantined_at is None

    @property
    def was_misnamed(self) -> bool:
        """Whether Stripe has said that it is not of the account that its merchant named."""
        refuted = self.last_problem in ("not_the_named_account", "another_account")
        return self.account_is_claimed and not self.is_kept and refuted

    @property
    def is_settled(self) -> bool:
        """Whether no check is open, so that a page need not ask again; a survey decides nothing, and does not count."""
        due = self.validations.filter(state__in=["waiting", "claimed"], due_at__lte=timezone.now())
        return not due.exclude(reason="survey").exists()


class KeyEnvelope(models.Model):
    """The encrypted key (`stripe_keys.vault` reads the bytes). Erasing a key is deleting this row.

    The database refuses to delete the data key that an envelope needs.
    """

    key = models.OneToOneField(RestrictedKey, on_delete=models.CASCADE, related_name="envelope")
    data_key = models.ForeignKey(MerchantDataKey, on_delete=models.RESTRICT, related_name="envelopes")
    envelope = models.BinaryField(max_length=600)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"envelope of {self.key}"
