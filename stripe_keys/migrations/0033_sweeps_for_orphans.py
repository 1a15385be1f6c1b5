"""When an account was last looked at for keys that nobody knows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stripe_keys", "0032_minting_and_retiring")]

    operations = [
        migrations.AddField(
            model_name="keymanagement",
            name="swept_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When its account was last looked at for keys that nobody knows.",
                null=True,
            ),
        ),
    ]
