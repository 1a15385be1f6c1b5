"""Events may be found in Stripe's list, hidden in part, parked, replayed, and lose their bodies when old."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0002_event_key_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventnotification",
            name="body_forgotten_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="eventnotification",
            name="is_masked",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Something in the body looked like a key and was hidden.",
            ),
        ),
        migrations.AddField(
            model_name="eventnotification",
            name="replays",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="How often it was replayed."
            ),
        ),
        migrations.AddField(
            model_name="eventnotification",
            name="source",
            field=models.CharField(
                choices=[("delivered", "Delivered by Stripe"), ("listed", "Found in Stripe's list")],
                db_default="delivered",
                default="delivered",
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="eventnotification",
            name="body",
            field=models.TextField(
                blank=True, help_text="What was signed; empty once it is too old to be kept."
            ),
        ),
        migrations.AlterField(
            model_name="eventnotification",
            name="body_sha256",
            field=models.BinaryField(help_text="Of what was signed, to the letter.", max_length=32),
        ),
        migrations.AlterField(
            model_name="eventnotification",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("applied", "Applied"),
                    ("ignored", "Nothing to do"),
                    ("unmatched", "Nothing of ours"),
                    ("parked", "Waits for its account"),
                    ("unknown_type", "Unknown type"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="eventnotification",
            name="secret_name",
            field=models.CharField(
                blank=True,
                help_text="Which signing secret fitted; empty for what was found in Stripe's list.",
                max_length=60,
            ),
        ),
        migrations.AddIndex(
            model_name="eventnotification",
            index=models.Index(
                condition=models.Q(("outcome", "parked")),
                fields=["stripe_account_id", "livemode"],
                name="parked_events_by_account",
            ),
        ),
        migrations.AddIndex(
            model_name="eventnotification",
            index=models.Index(
                condition=models.Q(("state", "dead")), fields=["finished_at"], name="dead_events"
            ),
        ),
        migrations.AddIndex(
            model_name="eventnotification",
            index=models.Index(
                condition=models.Q(("body_forgotten_at__isnull", False)),
                fields=["created_at"],
                name="events_without_body",
            ),
        ),
    ]
