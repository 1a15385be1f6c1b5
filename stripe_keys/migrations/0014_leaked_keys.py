"""When a key was found leaked, so that its page asks for a new one."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0013_suspensions_in_the_ledger")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="restrictedkey",
            name="leaked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
