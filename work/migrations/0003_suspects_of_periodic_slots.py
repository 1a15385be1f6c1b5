"""An index of the periodic slots whose workers died with them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0002_worker_heartbeats"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="periodicslot",
            index=models.Index(
                condition=models.Q(("problem", "WorkerLost"), ("state", "waiting")),
                fields=["due_at"],
                name="work_periodicslot_s",
            ),
        ),
    ]
