"""Our pace with each account, incidents at Stripe, what keys are used for, and whose word an account rests on."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("accounts", "0004_notices_to_ops"),
        ("stripe_keys", "0016_one_result_per_permission"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="AccountPace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("free_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("troubles", models.PositiveIntegerField(default=0)),
                ("closed_until", models.DateTimeField(blank=True, null=True)),
                ("slow_until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="KeyUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("method", models.CharField(max_length=6)),
                ("template", models.CharField(max_length=120)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ok", "Answered"),
                            ("forbidden", "Permission refused"),
                            ("unauthorized", "Key refused"),
                            ("invalid", "Request refused"),
                            ("throttled", "Asked to slow down"),
                            ("no_answer", "No answer"),
                        ],
                        max_length=12,
                    ),
                ),
                ("count", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="StripeIncident",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("outage", "Stripe does not answer"),
                            ("refusals", "Stripe refuses many keys at once"),
                        ],
                        max_length=10,
                    ),
                ),
                ("began_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("evidence", models.CharField(max_length=200)),
                ("next_try_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_by", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.AddField(
            model_name="restrictedkey",
            name="account_is_claimed",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="restrictedkey",
            name="awaits_account_id",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="restrictedkey",
            name="last_surveyed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="validation",
            name="reason",
            field=models.CharField(
                choices=[
                    ("added", "Key added"),
                    ("confirmed", "Account confirmed"),
                    ("check_now", "Check asked for"),
                    ("periodic", "Regular check"),
                    ("event", "Stripe reported a change"),
                    ("expiry_event", "Stripe reported the end of this key"),
                    ("second_look", "A refusal is being confirmed"),
                    ("ops", "Asked for by support"),
                    ("restored", "The database was restored"),
                    ("witness", "Another key was refused"),
                    ("use_refused", "Stripe refused a call"),
                    ("survey", "Rights beyond what we need"),
                ],
                max_length=14,
            ),
        ),
        migrations.AddIndex(
            model_name="validation",
            index=models.Index(fields=["finished_at"], name="validations_by_their_end"),
        ),
        migrations.AddField(
            model_name="accountpace",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.merchant"
            ),
        ),
        migrations.AddField(
            model_name="keyusage",
            name="key",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="usage",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.AddConstraint(
            model_name="stripeincident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("kind",), name="one_open_incident_per_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountpace",
            constraint=models.UniqueConstraint(
                fields=("merchant", "livemode"), name="one_pace_per_merchant_and_mode"
            ),
        ),
        migrations.AddConstraint(
            model_name="keyusage",
            constraint=models.UniqueConstraint(
                fields=("key", "day", "method", "template", "outcome"), name="one_count_per_day_and_call"
            ),
        ),
    ]
