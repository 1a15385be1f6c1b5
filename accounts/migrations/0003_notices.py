"""What merchants are told by mail."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0002_cache_entries")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Notice",
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
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
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
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("body", models.TextField()),
                ("dedupe_key", models.CharField(max_length=200, unique=True)),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="accounts.merchant",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["lane", "priority", "due_at", "id"],
                name="accounts_notice_w",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "claimed")),
                fields=("lane",),
                name="accounts_notice_one_claim_per_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "claimed"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="accounts_notice_claim_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                name="accounts_notice_state_is_known",
            ),
        ),
    ]
