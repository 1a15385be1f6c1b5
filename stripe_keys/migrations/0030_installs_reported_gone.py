"""When an event said that the app had left an account, where Stripe could not be asked whether that is so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0029_suspects_among_checks_and_messages"),
    ]

    operations = [
        migrations.AddField(
            model_name="stripeinstall",
            name="reported_gone_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
