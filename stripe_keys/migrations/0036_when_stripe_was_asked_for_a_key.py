"""Since when, and on which account, Stripe may have made the key of a minting."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stripe_keys", "0035_ways_to_either_app")]

    operations = [
        migrations.AddField(
            model_name="minting",
            name="asked_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When Stripe was first asked: since then it may have made the key.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="minting",
            name="stripe_account_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The account on which it was asked.",
                max_length=80,
            ),
        ),
    ]
