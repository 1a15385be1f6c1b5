"""A configured signing secret is known before anything was signed with it, and since when it is configured."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0005_reconciliation"),
    ]

    operations = [
        migrations.AlterModelOptions(name="signingsecretuse", options={"verbose_name": "signing secret"}),
        migrations.AddField(
            model_name="signingsecretuse",
            name="configured_since",
            field=models.DateTimeField(
                blank=True,
                help_text="When workers first saw it in the settings; empty once it is gone.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="signingsecretuse",
            name="first_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="signingsecretuse",
            name="last_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
