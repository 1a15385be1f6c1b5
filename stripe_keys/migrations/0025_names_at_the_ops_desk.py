"""What the ops desk calls three lists; the database stays as it is."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0024_naming_an_account_is_counted_apart")]

    operations: ClassVar = [
        migrations.AlterModelOptions(name="accountpace", options={"verbose_name_plural": "pace per account"}),
        migrations.AlterModelOptions(
            name="keyusage", options={"verbose_name_plural": "calls made with keys"}
        ),
        migrations.AlterModelOptions(name="keyuse", options={"verbose_name_plural": "openings of keys"}),
    ]
