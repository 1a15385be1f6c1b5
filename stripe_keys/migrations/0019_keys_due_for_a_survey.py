"""An index of the keys in use by when they were last asked what else they can do."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0018_open_validations_by_key")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="restrictedkey",
            index=models.Index(
                condition=models.Q(("status__in", ["active", "limited"])),
                fields=["last_surveyed_at"],
                name="keys_due_for_a_survey",
            ),
        ),
    ]
