"""The runs that search for what never reached us, and how far each account has been searched."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0004_what_is_odd_about_deliveries"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("stripe_account_id", models.CharField(max_length=80)),
                ("livemode", models.BooleanField()),
                ("listed_until", models.DateTimeField(blank=True, null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True, help_text="Why the last try ended early; our own words.", max_length=60
                    ),
                ),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Reconciliation",
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
                (
                    "asked_for_by",
                    models.CharField(
                        blank=True, help_text="Empty where the site began by itself.", max_length=200
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(
                        blank=True,
                        help_text="Search from here on; empty: from each account's own cursor.",
                        null=True,
                    ),
                ),
                ("only_account", models.CharField(blank=True, max_length=80)),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("events", "Events"),
                            ("installs", "Installs"),
                            ("keys", "Keys"),
                            ("finished", "Finished"),
                        ],
                        default="events",
                        max_length=10,
                    ),
                ),
                ("progress", models.JSONField(blank=True, default=dict)),
                ("accounts_total", models.PositiveIntegerField(default=0)),
                ("accounts_done", models.PositiveIntegerField(default=0)),
                ("accounts_failed", models.PositiveIntegerField(default=0)),
                ("events_listed", models.PositiveIntegerField(default=0)),
                (
                    "events_missed",
                    models.PositiveIntegerField(
                        default=0, help_text="Listed by Stripe, and never delivered here."
                    ),
                ),
                ("installs_mended", models.PositiveIntegerField(default=0)),
                ("keys_to_check", models.PositiveIntegerField(default=0)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="accountcursor",
            constraint=models.UniqueConstraint(
                fields=("stripe_account_id", "livemode"), name="one_cursor_per_account_and_mode"
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["lane", "priority", "due_at", "id"],
                name="webhooks_reconciliation_w",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "claimed")),
                fields=("lane",),
                name="webhooks_reconciliation_one_claim_per_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "claimed"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="webhooks_reconciliation_claim_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                name="webhooks_reconciliation_state_is_known",
            ),
        ),
    ]
