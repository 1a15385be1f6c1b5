"""Which of our apps a way to Stripe leads to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0034_apps_on_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="installstate",
            name="app",
            field=models.CharField(db_default="pasting", default="pasting", max_length=8),
        ),
    ]
