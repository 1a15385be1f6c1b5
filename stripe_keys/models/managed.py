"""Keys that the app makes, renews and ends itself (Stripe: app-managed keys), and what is under way with them."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant
from stripe_keys.models.installs import OfMerchantQuerySet
from stripe_keys.models.keys import RestrictedKey
from stripe_keys.purposes import DEFAULT_PURPOSE
from work.models import DueRow


class KeyManagement(models.Model):
    """Who brings the keys of one merchant, mode and purpose: while `is_on` the app does, else the merchant."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="key_managements")
    livemode = models.BooleanField()
    purpose = models.CharField(max_length=40, default=DEFAULT_PURPOSE)
    stripe_account_id = models.CharField(max_length=80)
    is_on = models.BooleanField(default=True)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    chosen_at = models.DateTimeField(db_default=Now())
    next_rotation_at = models.DateTimeField(null=True, blank=True)
    swept_at = models.DateTimeField(
        null=True, blank=True, help_text="When its account was last looked at for keys that nobody knows."
    )
    publishable_tried_at = models.DateTimeField(
        null=True, blank=True, help_text="When the app last tried to make a publishable key."
    )
    problem = models.CharField(
        max_length=40,
        blank=True,
        help_text="Why no key could be made the last time; see stripe_keys.managed_problems.",
    )

    objects = OfMerchantQuerySet["KeyManagement"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["merchant", "livemode", "purpose"],
                name="one_management_per_merchant_mode_and_purpose",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_rotation_at"], condition=Q(is_on=True), name="managements_due"),
        ]

    def __str__(self) -> str:
        return f"{self.mode} keys of {self.merchant}: {'by the app' if self.is_on else 'by the merchant'}"

    @property
    def mode(self) -> str:
        """`live` or `test`, as addresses and sentences write it."""
        return "live" if self.livemode else "test"


class Minting(DueRow):
    """One key being made at Stripe, a due row from the wish to the stored key; nothing is made twice for one row.

    Everything that Stripe is asked with derives from `token` and from what is stored before the call, so that a call
    whose answer was lost is repeated to the letter. `delivery_key` is the private half of the pair that Stripe
    encrypts for, itself encrypted; both it and `delivered` are gone once the key is stored.
    """

    class Reason(models.TextChoices):
        FIRST = "first", "The app was asked to manage the key"
        SCHEDULE = "schedule", "It was time for a new key"
        ASKED = "asked", "The merchant asked for a new key"
        OPS = "ops", "Support asked for a new key"
        ENDING = "ending", "The old key has an end"
        DIED = "died", "The old key ended at Stripe"

    class How(models.TextChoices):
        CREATE = "create", "A key beside the old one, which is expired afterwards"
        ROTATE = "rotate", "Stripe's own rotation, with an overlap"

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    management = models.ForeignKey(KeyManagement, on_delete=models.CASCADE, related_name="mintings")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    how = models.CharField(max_length=6, choices=How.choices, default=How.CREATE)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    replaces = models.ForeignKey(
        RestrictedKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    body = models.JSONField(
        default=dict, blank=True, help_text="What Stripe is asked for; public halves of keys only."
    )
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe was first asked: since then it may have made the key."
    )
    stripe_account_id = models.CharField(
        max_length=80,
        blank=True,
        default="",
        db_default="",
        help_text="The account on which it was asked.",
    )
    delivery_key = models.TextField(blank=True, editable=False)
    delivered = models.TextField(blank=True, editable=False)
    stripe_key_id = models.CharField(max_length=120, blank=True)
    key = models.OneToOneField(
        RestrictedKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="minting"
    )
    outcome = models.CharField(
        max_length=40, blank=True, help_text="`made`, or why not (stripe_keys.managed_problems)."
    )

    class Meta(DueRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *DueRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["management"],
                condition=Q(state__in=["waiting", "claimed"]),
                name="one_open_minting_per_management",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "claimed", "dead"]) | Q(delivery_key="", delivered=""),
                name="what_is_done_holds_no_delivery",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            *DueRow.Meta.indexes,
            models.Index(fields=["management", "-created_at"], name="mintings_by_management"),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.state})"

    def last_words(self) -> dict[str, Any]:
        """How it ended."""
        return {"outcome": self.outcome, "delivery_key": "", "delivered": ""}


class Retirement(DueRow):
    """One key that the app made and nobody is to use any more: a due row until Stripe refuses it.

    `sealed` is a copy of the key, encrypted, to see with that Stripe refuses it; it is gone once that is seen.
    """

    class Cause(models.TextChoices):
        REPLACED = "replaced", "Another key took over"
        REMOVED = "removed", "The merchant or ops removed it"
        REJECTED = "rejected", "It proved to be of no use"
        UNOPENED = "unopened", "What Stripe delivered could not be taken"
        ORPHANED = "orphaned", "It was found at Stripe and is not known here"

    key = models.OneToOneField(
        RestrictedKey, on_delete=models.CASCADE, null=True, blank=True, related_name="retirement"
    )
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    stripe_account_id = models.CharField(max_length=80)
    livemode = models.BooleanField()
    stripe_key_id = models.CharField(max_length=120)
    cause = models.CharField(max_length=10, choices=Cause.choices)
    sealed = models.TextField(blank=True, editable=False)
    expired_at = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe took our wish to end it, or ends it by itself."
    )
    refused_at = models.DateTimeField(null=True, blank=True, help_text="When Stripe was seen to refuse it.")
    outcome = models.CharField(max_length=40, blank=True)

    class Meta(DueRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *DueRow.Meta.constraints,
            models.UniqueConstraint(fields=["stripe_key_id", "livemode"], name="a_key_is_retired_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "claimed", "dead"]) | Q(sealed=""),
                name="what_is_retired_holds_no_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_key_id}: {self.get_cause_display()}"

    def last_words(self) -> dict[str, Any]:
        """How it ended; the copy of the key goes with it."""
        return {"outcome": self.outcome, "refused_at": self.refused_at, "sealed": ""}


class PublishableKey(models.Model):
    """A publishable key (`pk_`) that the app made for a merchant's browser code. It is no secret, and never expires."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="publishable_keys")
    livemode = models.BooleanField()
    stripe_account_id = models.CharField(max_length=80)
    stripe_key_id = models.CharField(max_length=120)
    text = models.CharField(max_length=260)
    created_at = models.DateTimeField(db_default=Now())

    objects = OfMerchantQuerySet["PublishableKey"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["merchant", "livemode", "stripe_account_id"],
                name="one_publishable_key_per_merchant_mode_and_account",
            ),
        ]

    def __str__(self) -> str:
        return self.text
