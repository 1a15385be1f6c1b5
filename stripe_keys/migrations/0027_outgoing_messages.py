"""What the partner's own systems are told, until they have taken it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0026_keys_that_will_end"),
    ]

    operations = [
        migrations.CreateModel(
            name="OutgoingMessage",
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
                    "message_id",
                    models.CharField(
                        help_text="The same at each try, for the receiver to know repetitions by.",
                        max_length=40,
                    ),
                ),
                (
                    "endpoint",
                    models.CharField(help_text="The name of the endpoint in the settings.", max_length=60),
                ),
                ("type", models.CharField(max_length=60)),
                ("body", models.TextField()),
                (
                    "last_status",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="HTTP status of the last answer.", null=True
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="outgoingmessage",
            name="change",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="messages",
                to="stripe_keys.statuschange",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoingmessage",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["lane", "priority", "due_at", "id"],
                name="stripe_keys_outgoingmessage_w",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoingmessage",
            index=models.Index(fields=["finished_at"], name="messages_by_their_end"),
        ),
        migrations.AddConstraint(
            model_name="outgoingmessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "claimed")),
                fields=("lane",),
                name="stripe_keys_outgoingmessage_one_claim_per_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="outgoingmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "claimed"), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="stripe_keys_outgoingmessage_claim_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="outgoingmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                name="stripe_keys_outgoingmessage_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="outgoingmessage",
            constraint=models.UniqueConstraint(
                fields=("message_id", "endpoint"), name="a_message_once_per_endpoint"
            ),
        ),
    ]
