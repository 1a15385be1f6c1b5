"""Which Stripe account belongs to whom, and the restricted keys."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("accounts", "0001_users_and_merchants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="InstallState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state_hash", models.BinaryField(max_length=32, unique=True)),
                ("livemode", models.BooleanField()),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "merchant",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="accounts.merchant"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StripeInstall",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("stripe_account_id", models.CharField(max_length=80)),
                ("livemode", models.BooleanField()),
                (
                    "status",
                    models.CharField(
                        choices=[("installed", "Installed"), ("uninstalled", "Uninstalled")],
                        default="installed",
                        max_length=12,
                    ),
                ),
                (
                    "proof",
                    models.CharField(
                        choices=[
                            ("signed_return", "Signed return from Stripe"),
                            ("merchant", "Confirmed by the merchant, with a key of the account"),
                        ],
                        max_length=14,
                    ),
                ),
                ("installed_at", models.DateTimeField()),
                ("uninstalled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="stripe_installs", to="accounts.merchant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "installed")),
                        fields=("stripe_account_id", "livemode"),
                        name="one_merchant_per_stripe_account_and_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "installed"), ("uninstalled_at__isnull", True)),
                            models.Q(("status", "uninstalled"), ("uninstalled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="install_status_agrees_with_its_moment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RestrictedKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("livemode", models.BooleanField()),
                ("purpose", models.CharField(default="default", max_length=40)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Being checked"),
                            ("active", "Active"),
                            ("limited", "Limited"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("replaced", "Replaced"),
                            ("removed", "Removed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("stripe_account_id", models.CharField(blank=True, max_length=80)),
                ("stripe_key_id", models.CharField(blank=True, max_length=120)),
                ("last4", models.CharField(max_length=4)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("fingerprint_key_id", models.CharField(max_length=40)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("awaits_account_confirmation", models.BooleanField(default=False)),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("successor_stripe_key_id", models.CharField(blank=True, max_length=120)),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                ("last_checked_at", models.DateTimeField(blank=True, null=True)),
                ("last_ok_at", models.DateTimeField(blank=True, null=True)),
                ("next_check_at", models.DateTimeField(blank=True, null=True)),
                ("consecutive_failures", models.PositiveIntegerField(default=0)),
                ("first_refused_at", models.DateTimeField(blank=True, null=True)),
                ("last_problem", models.CharField(blank=True, max_length=60)),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True, on_delete=models.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="restricted_keys", to="accounts.merchant"
                    ),
                ),
                (
                    "replaced_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name="+",
                        to="stripe_keys.restrictedkey",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["pending", "active", "limited"])),
                        fields=["next_check_at"],
                        name="keys_due_for_a_check",
                    ),
                    models.Index(
                        condition=models.Q(("stripe_key_id", ""), _negated=True),
                        fields=["stripe_key_id"],
                        name="keys_by_stripe_key_id",
                    ),
                    models.Index(fields=["stripe_account_id", "livemode"], name="keys_by_account_and_mode"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["active", "limited"])),
                        fields=("merchant", "livemode", "purpose"),
                        name="one_usable_key_per_merchant_mode_and_purpose",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "pending")),
                        fields=("merchant", "livemode", "purpose"),
                        name="one_pending_key_per_merchant_mode_and_purpose",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["pending", "active", "limited"])),
                        fields=("fingerprint",),
                        name="a_kept_key_is_stored_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["active", "limited"]), _negated=True),
                            models.Q(("stripe_account_id", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="a_usable_key_names_its_account",
                    ),
                ],
            },
        ),
    ]
