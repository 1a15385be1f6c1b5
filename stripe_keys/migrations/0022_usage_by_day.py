"""An index by day, for the desk's newest counts first and for forgetting the oldest."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0021_keys_that_stripe_refuses")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="keyusage",
            index=models.Index(fields=["day"], name="usage_by_day"),
        ),
    ]
