"""A check that is made because the database was restored says so."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0011_vault_audits")]

    operations: ClassVar = [
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
                ],
                max_length=14,
            ),
        ),
    ]
