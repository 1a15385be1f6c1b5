"""The encrypted keys, the merchants' data keys, and who opened an envelope."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0001_installs_and_keys")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="MerchantDataKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("kek_id", models.CharField(max_length=40)),
                ("wrapped", models.BinaryField(max_length=200)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="data_keys", to="accounts.merchant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "version"), name="one_data_key_per_merchant_and_version"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyEnvelope",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("envelope", models.BinaryField(max_length=600)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "key",
                    models.OneToOneField(
                        on_delete=models.CASCADE, related_name="envelope", to="stripe_keys.restrictedkey"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeyUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("actor", models.CharField(max_length=200)),
                ("reason", models.CharField(max_length=200)),
                ("at", models.DateTimeField(db_default=Now(), db_index=True)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="uses", to="stripe_keys.restrictedkey"
                    ),
                ),
            ],
        ),
    ]
