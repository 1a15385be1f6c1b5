"""Which Stripe account belongs to which merchant, and the ways to Stripe that somebody has begun."""

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant

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
