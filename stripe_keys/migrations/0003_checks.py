"""The checks of keys and what each found out."""

from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("stripe_keys", "0002_envelopes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Validation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("lane", models.CharField(editable=False, max_length=64)),
                (
                    "priority",
                    models.SmallIntegerField(default=50, editable=False, help_text="Lower goes first."),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("claimed", "Claimed"),
                            ("done", "Done"),
                            ("dead", "Dead"),
                        ],
                        default="waiting",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("due_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fence", models.PositiveIntegerField(default=0, editable=False)),
                ("lease_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("claimed_by", models.CharField(blank=True, editable=False, max_length=100)),
                ("finished_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Our own words: a class or a code, never outside text.",
                        max_length=300,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("added", "Key added"),
                            ("confirmed", "Account confirmed"),
                            ("check_now", "Check asked for"),
                            ("periodic", "Regular check"),
                            ("event", "Stripe reported a change"),
                            ("expiry_event", "Stripe reported the end of this key"),
                            ("second_look", "A refusal is being confirmed"),
                            ("ops", "Asked for by support"),
                        ],
                        max_length=14,
                    ),
                ),
                ("verdict", models.CharField(blank=True, max_length=30)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="validations", to="stripe_keys.restrictedkey"
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="accounts.merchant"),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True, on_delete=models.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["lane", "priority", "due_at", "id"],
                        name="stripe_keys_validation_w",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "claimed")),
                        fields=("lane",),
                        name="stripe_keys_validation_one_claim_per_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "claimed"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="stripe_keys_validation_claim_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                        name="stripe_keys_validation_state_is_known",
                    ),
                ],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PermissionCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("permission", models.CharField(max_length=60)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("granted", "Granted"),
                            ("missing", "Missing"),
                            ("unknown", "Could not be checked"),
                        ],
                        max_length=8,
                    ),
                ),
                ("checked_at", models.DateTimeField(db_default=Now())),
                (
                    "validation",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="permission_checks",
                        to="stripe_keys.validation",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("validation", "permission"), name="one_check_per_permission"
                    )
                ],
            },
        ),
    ]
