"""Of each permission of a key only the newest result is kept, so that the table grows with keys and not with checks."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

NAME_THE_KEYS = """
    UPDATE stripe_keys_permissioncheck found SET key_id = checked.key_id
    FROM stripe_keys_validation checked WHERE checked.id = found.validation_id;
    DELETE FROM stripe_keys_permissioncheck older USING stripe_keys_permissioncheck newer
    WHERE older.key_id = newer.key_id AND older.permission = newer.permission AND older.id < newer.id;
    SET CONSTRAINTS ALL IMMEDIATE"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0015_fingerprint_canaries")]

    operations: ClassVar = [
        migrations.RemoveConstraint(model_name="permissioncheck", name="one_check_per_permission"),
        migrations.AddField(
            model_name="permissioncheck",
            name="key",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="permission_checks",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.RunSQL(NAME_THE_KEYS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="permissioncheck",
            name="key",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="permission_checks",
                to="stripe_keys.restrictedkey",
            ),
        ),
        migrations.AddConstraint(
            model_name="permissioncheck",
            constraint=models.UniqueConstraint(
                fields=("key", "permission"), name="one_result_per_key_and_permission"
            ),
        ),
    ]
