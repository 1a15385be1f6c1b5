"""How each of the partner's endpoints takes its messages, known to every worker."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0027_outgoing_messages")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="PartnerEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, help_text="Messages in a row that it did not take."
                    ),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "closed_until",
                    models.DateTimeField(
                        blank=True, help_text="Nothing is sent before; then one message finds out.", null=True
                    ),
                ),
                (
                    "gone_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="It has answered 410: nothing is sent until ops say so.",
                        null=True,
                    ),
                ),
            ],
        ),
    ]
