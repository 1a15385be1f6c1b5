"""What was erased, for the deletion ledger, and what followed a restore of the database."""

import uuid
from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0009_quarantine")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="LedgerEntry",
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
                ("entry_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("key_erased", "Key erased"),
                            ("merchant_closed", "Merchant closed"),
                            ("mark", "Mark"),
                        ],
                        max_length=20,
                    ),
                ),
                ("merchant_id", models.UUIDField(blank=True, db_index=True, null=True)),
                ("key_id", models.UUIDField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(blank=True, help_text="What an erased key became.", max_length=10),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("erased_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "verbose_name_plural": "ledger entries",
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["lane", "priority", "due_at", "id"],
                        name="stripe_keys_ledgerentry_w",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "claimed")),
                        fields=("lane",),
                        name="stripe_keys_ledgerentry_one_claim_per_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "claimed"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="stripe_keys_ledgerentry_claim_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                        name="stripe_keys_ledgerentry_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DatabaseRestore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("restored_at", models.DateTimeField(db_default=Now())),
                ("entries_replayed", models.PositiveIntegerField(default=0)),
                ("keys_erased", models.PositiveIntegerField(default=0)),
                ("merchants_closed", models.PositiveIntegerField(default=0)),
                ("keys_to_check", models.PositiveIntegerField(default=0)),
            ],
            options={
                "ordering": ["-restored_at"],
            },
        ),
    ]
