"""Who brings a merchant's keys, keys being made and ended by the app, and publishable keys."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_suspects_among_notices"),
        ("stripe_keys", "0031_keys_managed_by_the_app"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyManagement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("purpose", models.CharField(default="default", max_length=40)),
                ("stripe_account_id", models.CharField(max_length=80)),
                ("is_on", models.BooleanField(default=True)),
                ("chosen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("next_rotation_at", models.DateTimeField(blank=True, null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        help_text="Why no key could be made the last time; see stripe_keys.managed_problems.",
                        max_length=40,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Minting",
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
                ("token", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("first", "The app was asked to manage the key"),
                            ("schedule", "It was time for a new key"),
                            ("asked", "The merchant asked for a new key"),
                            ("ops", "Support asked for a new key"),
                            ("ending", "The old key has an end"),
                            ("died", "The old key ended at Stripe"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("create", "A key beside the old one, which is expired afterwards"),
                            ("rotate", "Stripe's own rotation, with an overlap"),
                        ],
                        default="create",
                        max_length=6,
                    ),
                ),
                (
                    "body",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What Stripe is asked for; public halves of keys only.",
                    ),
                ),
                ("delivery_key", models.TextField(blank=True, editable=False)),
                ("delivered", models.TextField(blank=True, editable=False)),
                ("stripe_key_id", models.CharField(blank=True, max_length=120)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        help_text="`made`, or why not (stripe_keys.managed_problems).",
                        max_length=40,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PublishableKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("stripe_account_id", models.CharField(max_length=80)),
                ("stripe_key_id", models.CharField(max_length=120)),
                ("text", models.CharField(max_length=260)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Retirement",
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
                ("stripe_account_id", models.CharField(max_length=80)),
                ("livemode", models.BooleanField()),
                ("stripe_key_id", models.CharField(max_length=120)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("replaced", "Another key took over"),
                            ("removed", "The merchant or ops removed it"),
                            ("rejected", "It proved to be of no use"),
                            ("unopened", "What Stripe delivered could not be taken"),
                            ("orphaned", "It was found at Stripe and is not known here"),
                        ],
                        max_length=10,
                    ),
                ),
                ("sealed", models.TextField(blank=True, editable=False)),
                (
                    "expired_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When Stripe took our wish to end it, or ends it by itself.",
                        null=True,
                    ),
                ),
                (
                    "refused_at",
                    models.DateTimeField(
                        blank=True, help_text="When Stripe was seen to refuse it.", null=True
                    ),
                ),
                ("outcome", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="keymanagement",
            name="chosen_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="keymanagement",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="key_managements",
                to="accounts.merchant",
            ),
        ),
        migrations.AddField(
            model_name="minting",
            name="key",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="minting",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.AddField(
            model_name="minting",
            name="management",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="mintings",
                to="stripe_keys.keymanagement",
            ),
        ),
        migrations.AddField(
            model_name="minting",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.AddField(
            model_name="minting",
            name="requested_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="publishablekey",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="publishable_keys",
                to="accounts.merchant",
            ),
        ),
        migrations.AddField(
            model_name="retirement",
            name="key",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="retirement",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.AddField(
            model_name="retirement",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.merchant"
            ),
        ),
        migrations.AddIndex(
            model_name="keymanagement",
            index=models.Index(
                condition=models.Q(("is_on", True)), fields=["next_rotation_at"], name="managements_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="keymanagement",
            constraint=models.UniqueConstraint(
                fields=("merchant", "livemode", "purpose"),
                name="one_management_per_merchant_mode_and_purpose",
            ),
        ),
        migrations.AddIndex(
            model_name="minting",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["lane", "priority", "due_at", "id"],
                name="stripe_keys_minting_w",
            ),
        ),
        migrations.AddIndex(
            model_name="minting",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="stripe_keys_minting_s",
            ),
        ),
        migrations.AddIndex(
            model_name="minting",
            index=models.Index(fields=["management", "-created_at"], name="mintings_by_management"),
        ),
        migrations.AddConstraint(
            model_name="minting",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "claimed")),
                fields=("lane",),
                name="stripe_keys_minting_one_claim_per_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="minting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "claimed"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="stripe_keys_minting_claim_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="minting",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                name="stripe_keys_minting_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="minting",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed"])),
                fields=("management",),
                name="one_open_minting_per_management",
            ),
        ),
        migrations.AddConstraint(
            model_name="minting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "claimed", "dead"]),
                    models.Q(("delivered", ""), ("delivery_key", "")),
                    _connector="OR",
                ),
                name="what_is_done_holds_no_delivery",
            ),
        ),
        migrations.AddConstraint(
            model_name="publishablekey",
            constraint=models.UniqueConstraint(
                fields=("merchant", "livemode", "stripe_account_id"),
                name="one_publishable_key_per_merchant_mode_and_account",
            ),
        ),
        migrations.AddIndex(
            model_name="retirement",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["lane", "priority", "due_at", "id"],
                name="stripe_keys_retirement_w",
            ),
        ),
        migrations.AddIndex(
            model_name="retirement",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="stripe_keys_retirement_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "claimed")),
                fields=("lane",),
                name="stripe_keys_retirement_one_claim_per_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "claimed"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="stripe_keys_retirement_claim_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                name="stripe_keys_retirement_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.UniqueConstraint(
                fields=("stripe_key_id", "livemode"), name="a_key_is_retired_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="retirement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "claimed", "dead"]), ("sealed", ""), _connector="OR"
                ),
                name="what_is_retired_holds_no_key",
            ),
        ),
    ]
