"""Who made a key, the merchant or the app; only the app may have made one that can do everything."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stripe_keys", "0030_installs_reported_gone"),
    ]

    operations = [
        migrations.AddField(
            model_name="restrictedkey",
            name="is_unrestricted",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="restrictedkey",
            name="managed_by",
            field=models.CharField(
                choices=[("user", "The merchant"), ("app", "The app")],
                db_default="user",
                default="user",
                max_length=4,
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_unrestricted", False), ("managed_by", "app"), _connector="OR"),
                name="only_the_app_makes_unrestricted_keys",
            ),
        ),
        migrations.AddConstraint(
            model_name="restrictedkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("managed_by", "user"), models.Q(("stripe_key_id", ""), _negated=True), _connector="OR"
                ),
                name="an_app_managed_key_has_an_id",
            ),
        ),
    ]
