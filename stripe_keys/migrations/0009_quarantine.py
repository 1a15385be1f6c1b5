"""A key whose envelope does not open is set apart until the merchant pastes it again."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0008_data_key_of_each_envelope")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="restrictedkey",
            name="quarantined_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
