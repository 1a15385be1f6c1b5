"""Deliveries that contradict an event, replays of events, and when each signing secret was last seen."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0003_sources_and_forgotten_bodies"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConflictingDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body_sha256", models.BinaryField(max_length=32)),
                ("size", models.PositiveIntegerField(help_text="Bytes.")),
                ("type", models.CharField(blank=True, max_length=200)),
                ("stripe_account_id", models.CharField(blank=True, max_length=80)),
                ("secret_name", models.CharField(max_length=60)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "conflicting deliveries",
            },
        ),
        migrations.CreateModel(
            name="EventReplay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "by",
                    models.CharField(
                        help_text="A user's address, or the command and its system user.", max_length=200
                    ),
                ),
                ("chosen", models.JSONField(default=dict)),
                ("events", models.PositiveIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "event replays",
                "ordering": ["-at"],
            },
        ),
        migrations.CreateModel(
            name="SigningSecretUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="conflictingdelivery",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="conflicts",
                to="webhooks.eventnotification",
            ),
        ),
        migrations.AddIndex(
            model_name="conflictingdelivery",
            index=models.Index(fields=["-last_at"], name="newest_conflicts"),
        ),
        migrations.AddConstraint(
            model_name="conflictingdelivery",
            constraint=models.UniqueConstraint(
                fields=("event", "body_sha256"), name="one_note_per_other_content"
            ),
        ),
    ]
