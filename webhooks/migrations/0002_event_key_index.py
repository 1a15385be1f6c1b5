from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_event_notifications"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="eventnotification",
            index=models.Index(
                condition=models.Q(("stripe_key_id", ""), _negated=True),
                fields=["stripe_key_id"],
                name="events_of_a_key",
            ),
        ),
    ]
