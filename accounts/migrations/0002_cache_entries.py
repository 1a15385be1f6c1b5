"""The table of the database cache, in which sign-in limits are counted."""

from typing import ClassVar

from django.core.management import call_command
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the table of every DatabaseCache in the settings; one that exists stays."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0001_users_and_merchants")]

    operations: ClassVar = [
        migrations.RunPython(
            create_table, migrations.RunPython.noop, hints={"model_name": "cache_entries"}, elidable=False
        ),
    ]
