"""Naming the account of a key counts against limits of its own, not against those of pastes."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0023_changed_permissions")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="keysubmission",
            name="kind",
            field=models.CharField(
                choices=[("paste", "A key was pasted"), ("account", "The account of a key was named")],
                db_default="paste",
                default="paste",
                max_length=8,
            ),
        ),
    ]
