import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="PeriodicSlot",
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
                ("job", models.CharField(editable=False, max_length=64)),
                ("slot", models.DateTimeField(editable=False, help_text="The moment the period began.")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["lane", "priority", "due_at", "id"],
                        name="work_periodicslot_w",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "claimed")),
                        fields=("lane",),
                        name="work_periodicslot_one_claim_per_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "claimed"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="work_periodicslot_claim_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "claimed", "done", "dead"])),
                        name="work_periodicslot_state_is_known",
                    ),
                    models.UniqueConstraint(fields=("job", "slot"), name="work_periodicslot_once_per_slot"),
                ],
            },
        ),
    ]
