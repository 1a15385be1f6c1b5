"""A data key for the site's own secrets, a canary for each key-encryption key, and room for key services' names."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0006_install_may_end_otherwise")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="merchantdatakey",
            name="kek_id",
            field=models.CharField(db_index=True, max_length=120),
        ),
        migrations.AlterField(
            model_name="merchantdatakey",
            name="wrapped",
            field=models.BinaryField(max_length=1024),
        ),
        migrations.CreateModel(
            name="SiteDataKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("kek_id", models.CharField(db_index=True, max_length=120)),
                ("wrapped", models.BinaryField(max_length=1024)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version",), name="one_site_data_key_per_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="KekCanary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kek_id", models.CharField(max_length=120, unique=True)),
                ("wrapped", models.BinaryField(max_length=1024)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
