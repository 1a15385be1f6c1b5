"""An index of the events and searches whose workers died with them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0007_installs_seen_at_stripe"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="eventnotification",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="webhooks_eventnotification_s",
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="webhooks_reconciliation_s",
            ),
        ),
    ]
