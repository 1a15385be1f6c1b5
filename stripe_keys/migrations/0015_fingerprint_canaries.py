"""A canary for each fingerprint key: a wrong one would quietly stop recognising keys."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0014_leaked_keys")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="FingerprintCanary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key_id", models.CharField(max_length=40, unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
