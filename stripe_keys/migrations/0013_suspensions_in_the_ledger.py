"""The ledger remembers suspensions too: a leaked key must not come back into use with a restore."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0012_checks_after_a_restore")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("key_erased", "Key erased"),
                    ("merchant_closed", "Merchant closed"),
                    ("key_suspended", "Key suspended"),
                    ("key_resumed", "Suspension lifted"),
                    ("mark", "Mark"),
                ],
                max_length=20,
            ),
        ),
    ]
