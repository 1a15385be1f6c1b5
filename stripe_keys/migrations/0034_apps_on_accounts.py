"""What Stripe says of each app of ours on a merchant's account: what it may do, and what waits for approval."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0033_sweeps_for_orphans"),
    ]

    operations = [
        migrations.CreateModel(
            name="AppOnAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "app",
                    models.CharField(
                        choices=[
                            ("pasting", "The app whose keys are pasted"),
                            ("managing", "The app that makes the keys"),
                        ],
                        max_length=8,
                    ),
                ),
                ("stripe_install_id", models.CharField(blank=True, max_length=100)),
                (
                    "status",
                    models.CharField(blank=True, help_text="Stripe's own word for it.", max_length=20),
                ),
                ("permissions_granted", models.JSONField(blank=True, default=list)),
                (
                    "permissions_pending",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="They take effect once the merchant has approved them in Stripe.",
                    ),
                ),
                ("approval_required", models.BooleanField(default=False)),
                (
                    "installed_at",
                    models.DateTimeField(
                        blank=True, help_text="When Stripe last said that it came.", null=True
                    ),
                ),
                (
                    "checked_at",
                    models.DateTimeField(blank=True, help_text="When Stripe last showed it.", null=True),
                ),
                ("reported_gone_at", models.DateTimeField(blank=True, null=True)),
                ("left_at", models.DateTimeField(blank=True, null=True)),
                (
                    "install",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="apps",
                        to="stripe_keys.stripeinstall",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("install", "app"), name="an_app_is_on_an_install_once")
                ],
            },
        ),
    ]
