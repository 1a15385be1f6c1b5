"""An index of the keys that Stripe refuses at the moment: they are counted whenever it refuses one more."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0020_stand_ins")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="restrictedkey",
            index=models.Index(
                condition=models.Q(("first_refused_at", None), _negated=True),
                fields=["first_refused_at"],
                name="keys_that_stripe_refuses",
            ),
        ),
    ]
