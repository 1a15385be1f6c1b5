"""When the app last tried to make a publishable key."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stripe_keys", "0037_secret_key_migrations")]

    operations = [
        migrations.AddField(
            model_name="keymanagement",
            name="publishable_tried_at",
            field=models.DateTimeField(
                blank=True, help_text="When the app last tried to make a publishable key.", null=True
            ),
        ),
    ]
