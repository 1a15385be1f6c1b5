"""An index that lets planning see at once whether a key's check is open already."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0017_traffic_with_stripe")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="validation",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "claimed"])),
                fields=["key"],
                name="open_validations_by_key",
            ),
        ),
    ]
