"""Full-access secret keys that merchants retire elsewhere, and how they are known to be dead."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


def somebody() -> models.ForeignKey:  # type: ignore[type-arg]
    """Who did it; nobody's account is kept for its sake."""
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_suspects_among_notices"),
        ("stripe_keys", "0036_when_stripe_was_asked_for_a_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SecretKeyMigration",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last4", models.CharField(blank=True, max_length=4)),
                ("stripe_key_id", models.CharField(blank=True, max_length=120)),
                (
                    "retired_at",
                    models.DateTimeField(
                        blank=True, help_text="Since when it is known to be dead.", null=True
                    ),
                ),
                (
                    "proof",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("event", "Stripe reported the end of the key that the merchant named"),
                            ("own_check", "The merchant asked Stripe with the key itself"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "proven_at",
                    models.DateTimeField(blank=True, help_text="When that was recorded.", null=True),
                ),
                ("event_id", models.CharField(blank=True, max_length=255)),
                ("taken_back_at", models.DateTimeField(blank=True, null=True)),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="secret_key_migrations",
                        to="accounts.merchant",
                    ),
                ),
                ("proven_by", somebody()),
                ("taken_back_by", somebody()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["stripe_key_id"],
                        condition=Q(proof="") & ~Q(stripe_key_id=""),
                        name="secret_keys_awaiting_their_end",
                    ),
                ],
                "constraints": [
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
                ],
            },
        ),
    ]
