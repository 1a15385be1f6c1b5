"""Where a list of events that was too long for one search goes on in the next."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0009_silences"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountcursor",
            name="next_path",
            field=models.TextField(
                blank=True, db_default="", help_text="Where a list too long for one search goes on."
            ),
        ),
        migrations.AddField(
            model_name="accountcursor",
            name="next_since",
            field=models.DateTimeField(blank=True, help_text="From when on that list is.", null=True),
        ),
        migrations.AddField(
            model_name="accountcursor",
            name="next_until",
            field=models.DateTimeField(blank=True, help_text="When that list was begun.", null=True),
        ),
        migrations.AddField(
            model_name="accountcursor",
            name="next_pages",
            field=models.PositiveIntegerField(db_default=0, help_text="How much of it has been read."),
        ),
    ]
