"""Since when Stripe has been silent about an event."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0008_suspects_among_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventnotification",
            name="silent_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When Stripe first did not answer about it; empty if it always has, or has begun anew.",
                null=True,
            ),
        ),
    ]
