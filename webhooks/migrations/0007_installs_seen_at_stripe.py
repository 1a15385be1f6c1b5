"""When Stripe's list of installs last showed the app on an account."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0006_secrets_that_nobody_used_yet"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountcursor",
            name="seen_installed_at",
            field=models.DateTimeField(
                blank=True, help_text="When Stripe's list of installs last showed the app there.", null=True
            ),
        ),
    ]
