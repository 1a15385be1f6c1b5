from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("work", "0001_periodic_slots")]

    operations = [
        migrations.CreateModel(
            name="WorkerHeartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(editable=False, max_length=150, unique=True)),
                ("host", models.CharField(editable=False, max_length=100)),
                ("pid", models.PositiveIntegerField(editable=False)),
                ("beat_at", models.DateTimeField(editable=False)),
            ],
        ),
    ]
