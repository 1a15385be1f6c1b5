"""What happened to keys, and who pasted one."""

from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("stripe_keys", "0003_checks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="StatusChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_status", models.CharField(blank=True, max_length=10)),
                (
                    "to_status",
                    models.CharField(
                        choices=[
                            ("pending", "Being checked"),
                            ("active", "Active"),
                            ("limited", "Limited"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("replaced", "Replaced"),
                            ("removed", "Removed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("actor", models.CharField(max_length=200)),
                ("reason", models.CharField(max_length=300)),
                ("at", models.DateTimeField(db_default=Now())),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="status_changes",
                        to="stripe_keys.restrictedkey",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="KeySubmission",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("remote_address", models.GenericIPAddressField(null=True)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField(db_default=Now())),
                (
                    "merchant",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="accounts.merchant"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["merchant", "at"], name="submissions_of_a_merchant"),
                    models.Index(fields=["remote_address", "at"], name="submissions_of_an_address"),
                ],
            },
        ),
    ]
