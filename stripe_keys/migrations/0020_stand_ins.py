"""A key that another merchant pasted too: its row keeps a made-up text, so it counts as no second copy of the key."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0019_keys_due_for_a_survey")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="restrictedkey",
            name="stands_in_for",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.RemoveConstraint(model_name="restrictedkey", name="a_kept_key_is_stored_once"),
        migrations.AddConstraint(
            model_name="restrictedkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("stands_in_for__isnull", True), ("status__in", ["pending", "active", "limited"])
                ),
                fields=("fingerprint",),
                name="a_kept_key_is_stored_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("stands_in_for__isnull", False), ("status__in", ["active", "limited"]), _negated=True
                ),
                name="a_stand_in_never_serves",
            ),
        ),
    ]
