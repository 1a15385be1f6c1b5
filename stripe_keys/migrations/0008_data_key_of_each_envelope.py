"""Each envelope names the data key that it needs, so that the database refuses to delete that one."""

from typing import ClassVar

from django.db import migrations, models

# An envelope holds the version of its data key in its bytes 2 to 5, the most significant first.
_FILL = """
UPDATE stripe_keys_keyenvelope AS stored SET data_key_id = data_key.id
FROM stripe_keys_restrictedkey AS key, stripe_keys_merchantdatakey AS data_key
WHERE key.id = stored.key_id AND data_key.merchant_id = key.merchant_id AND data_key.version =
    (get_byte(stored.envelope, 1)::bigint << 24) + (get_byte(stored.envelope, 2) << 16)
    + (get_byte(stored.envelope, 3) << 8) + get_byte(stored.envelope, 4);
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0007_site_data_keys_and_canaries")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="keyenvelope",
            name="data_key",
            field=models.ForeignKey(
                null=True,
                on_delete=models.RESTRICT,
                related_name="envelopes",
                to="stripe_keys.merchantdatakey",
            ),
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="keyenvelope",
            name="data_key",
            field=models.ForeignKey(
                on_delete=models.RESTRICT, related_name="envelopes", to="stripe_keys.merchantdatakey"
            ),
        ),
    ]
