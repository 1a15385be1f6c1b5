"""Calls the end of an install by a word that fits every end: uninstalled at Stripe, or its last key removed here."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0005_history_is_append_only"),
    ]

    operations = [
        migrations.AlterField(
            model_name="stripeinstall",
            name="status",
            field=models.CharField(
                choices=[("installed", "Installed"), ("uninstalled", "Ended")],
                default="installed",
                max_length=12,
            ),
        ),
    ]
