"""Which Stripe account belongs to which merchant, and the ways to Stripe that somebody has begun."""

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant
from stripe_keys.our_apps import MANAGING, PASTING

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
    # Which of our apps it leads to, where they are two (stripe_keys.our_apps).
    app = models.CharField(max_length=8, default=PASTING, db_default=PASTING)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"install state of {self.merchant}"


class StripeInstall(models.Model):
    """The binding of one Stripe account and mode to one merchant, and how we know of it."""

    class Status(models.TextChoices):
        INSTALLED = "installed", "Installed"
        UNINSTALLED = "uninstalled", "Ended"

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
    # An event says that the app has left, and Stripe could not be asked; see `stripe_keys.uninstalls`.
    reported_gone_at = models.DateTimeField(null=True, blank=True)

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


class AppOnAccount(models.Model):
    """One of our apps on the account of an install, as Stripe told of it last; there is none before Stripe has.

    Names of permissions are Stripe's, as many and as long as `stripe_keys.gateway.app_answers` lets pass.
    """

    class App(models.TextChoices):
        PASTING = PASTING, "The app whose keys are pasted"
        MANAGING = MANAGING, "The app that makes the keys"

    install = models.ForeignKey(StripeInstall, on_delete=models.CASCADE, related_name="apps")
    app = models.CharField(max_length=8, choices=App.choices)
    stripe_install_id = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=20, blank=True, help_text="Stripe's own word for it.")
    permissions_granted = models.JSONField(default=list, blank=True)
    permissions_pending = models.JSONField(
        default=list, blank=True, help_text="They take effect once the merchant has approved them in Stripe."
    )
    approval_required = models.BooleanField(default=False)
    installed_at = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe last said that it came."
    )
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When Stripe last showed it.")
    reported_gone_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["install", "app"], name="an_app_is_on_an_install_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_app_display()} on {self.install_id}"

    @property
    def waits_for_approval(self) -> bool:
        """Whether the merchant has to approve in Stripe what the app asks for."""
        return self.left_at is None and (self.approval_required or bool(self.permissions_pending))
