"""When a key's permissions were last changed, as long as nobody has looked since; the plan of surveys asks for it."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0022_usage_by_day")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="restrictedkey",
            name="permissions_changed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="restrictedkey",
            index=models.Index(
                condition=models.Q(("permissions_changed_at", None), _negated=True),
                fields=["permissions_changed_at"],
                name="keys_with_changed_permissions",
            ),
        ),
    ]
