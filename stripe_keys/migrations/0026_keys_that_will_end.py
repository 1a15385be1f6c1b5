"""An index of the keys whose end Stripe has announced: their merchants are reminded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0025_names_at_the_ops_desk"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="restrictedkey",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("status__in", ["active", "limited"])),
                fields=["expires_at"],
                name="keys_that_will_end",
            ),
        ),
    ]
