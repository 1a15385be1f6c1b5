"""An index of the checks, ledger entries and messages whose workers died with them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0028_state_of_partner_endpoints"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="validation",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="stripe_keys_validation_s",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="stripe_keys_ledgerentry_s",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoingmessage",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="stripe_keys_outgoingmessage_s",
            ),
        ),
    ]
