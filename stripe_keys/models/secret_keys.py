"""Full-access secret keys (`sk_…`) that merchants retire elsewhere; never the keys themselves, which we do not take."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Merchant
from stripe_keys.models.installs import OfMerchantQuerySet


class SecretKeyMigration(models.Model):
    """One merchant's old secret key of one mode, and how it is known that it is dead; open until that is known.

    What was recorded by mistake is taken back and stays as it was; another row goes on from there.
    """

    class Proof(models.TextChoices):
        EVENT = "event", "Stripe reported the end of the key that the merchant named"
        OWN_CHECK = "own_check", "The merchant asked Stripe with the key itself"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="secret_key_migrations")
    livemode = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())
    last4 = models.CharField(max_length=4, blank=True)
    stripe_key_id = models.CharField(max_length=120, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is known to be dead.")
    proof = models.CharField(max_length=9, choices=Proof.choices, blank=True)
    proven_at = models.DateTimeField(null=True, blank=True, help_text="When that was recorded.")
    proven_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    event_id = models.CharField(max_length=255, blank=True)
    taken_back_at = models.DateTimeField(null=True, blank=True)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = OfMerchantQuerySet["SecretKeyMigration"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "livemode"],
                condition=Q(taken_back_at__isnull=True),
                name="one_secret_key_migration_per_merchant_and_mode",
            ),
            models.CheckConstraint(
                condition=Q(proof="", proven_at__isnull=True, retired_at__isnull=True)
                | (~Q(proof="") & Q(proven_at__isnull=False, retired_at__isnull=False)),
                name="proof_of_a_dead_secret_key_agrees_with_its_moment",
            ),
            models.CheckConstraint(
                condition=(Q(proof="event") & ~Q(event_id="") & ~Q(stripe_key_id=""))
                | (~Q(proof="event") & Q(event_id="")),
                name="only_an_event_about_a_named_key_is_its_proof",
            ),
            models.CheckConstraint(
                condition=Q(proven_by__isnull=True) | Q(proof="own_check"),
                name="only_an_own_check_of_a_secret_key_is_somebodys",
            ),
            models.CheckConstraint(
                condition=Q(taken_back_at__isnull=True) | ~Q(proof=""),
                name="only_a_proof_is_taken_back",
            ),
        ]
        indexes = [
            models.Index(
                fields=["stripe_key_id"],
                condition=Q(proof="") & ~Q(stripe_key_id=""),
                name="secret_keys_awaiting_their_end",
            ),
        ]

    def __str__(self) -> str:
        return self.display

    @property
    def mode(self) -> str:
        """`live` or `test`, as addresses and sentences write it."""
        return "live" if self.livemode else "test"

    @property
    def display(self) -> str:
        """The old key as Stripe's Dashboard writes it, as far as the merchant has named it."""
        return f"sk_{self.mode}_...{self.last4}"

    @property
    def is_retired(self) -> bool:
        """Whether the key is known to be dead."""
        return bool(self.proof)
