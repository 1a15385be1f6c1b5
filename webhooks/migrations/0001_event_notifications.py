import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="EventNotification",
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
                ("event_id", models.CharField(max_length=210, unique=True)),
                ("type", models.CharField(max_length=200)),
                (
                    "payload",
                    models.CharField(
                        choices=[("thin", "Thin notification"), ("snapshot", "Snapshot event")], max_length=8
                    ),
                ),
                (
                    "livemode",
                    models.BooleanField(
                        help_text="As the event itself says; empty if it does not.", null=True
                    ),
                ),
                ("stripe_account_id", models.CharField(blank=True, max_length=80)),
                (
                    "context",
                    models.CharField(
                        blank=True,
                        help_text="The whole context; empty unless it is a path of plain ids.",
                        max_length=300,
                    ),
                ),
                ("stripe_created_at", models.DateTimeField(blank=True, null=True)),
                ("secret_name", models.CharField(help_text="Which signing secret fitted.", max_length=60)),
                ("body", models.TextField(help_text="What was signed, to the letter.")),
                ("body_sha256", models.BinaryField(max_length=32)),
                (
                    "other_bodies",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="How often the same id came again with another body; the first body is kept.",
                    ),
                ),
                ("stripe_key_id", models.CharField(blank=True, max_length=120)),
                ("new_stripe_key_id", models.CharField(blank=True, max_length=120)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("applied", "Applied"),
                            ("ignored", "Nothing to do"),
                            ("unmatched", "Nothing of ours"),
                            ("unknown_type", "Unknown type"),
                        ],
                        max_length=12,
                    ),
                ),
                ("outcome_note", models.CharField(blank=True, help_text="A code of ours.", max_length=60)),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["lane", "priority", "due_at", "id"],
                        name="webhooks_eventnotification_w",
                    ),
                    models.Index(fields=["stripe_account_id", "created_at"], name="events_of_an_account"),
                    models.Index(fields=["created_at"], name="events_by_arrival"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "claimed")),
                        fields=("lane",),
                        name="webhooks_eventnotification_one_claim_per_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "claimed"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="webhooks_eventnotification_claim_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                        name="webhooks_eventnotification_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(("outcome", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="a_processed_event_has_an_outcome",
                    ),
                ],
            },
        ),
    ]
