"""An index of the notices whose workers died with them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_notices_to_ops"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="accounts_notice_s",
            ),
        ),
    ]
