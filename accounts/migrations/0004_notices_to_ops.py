"""A notice without a merchant goes to ops."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0003_notices")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="notice",
            name="merchant",
            field=models.ForeignKey(
                blank=True,
                help_text="Nobody: ops.",
                null=True,
                on_delete=models.CASCADE,
                related_name="notices",
                to="accounts.merchant",
            ),
        ),
    ]
