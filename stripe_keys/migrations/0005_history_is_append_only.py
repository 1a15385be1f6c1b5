"""History is added to and never altered: the database refuses it, whoever asks. Rows go only with their key."""

from typing import ClassVar

from django.db import migrations

_FORWARDS = """
CREATE FUNCTION stripe_keys_refuse_to_alter_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The history of keys is append-only.' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER stripe_keys_history_is_append_only BEFORE UPDATE ON stripe_keys_statuschange
    FOR EACH ROW EXECUTE FUNCTION stripe_keys_refuse_to_alter_history();
"""
_BACKWARDS = """
DROP TRIGGER stripe_keys_history_is_append_only ON stripe_keys_statuschange;
DROP FUNCTION stripe_keys_refuse_to_alter_history();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("stripe_keys", "0004_history")]

    operations: ClassVar = [migrations.RunSQL(_FORWARDS, _BACKWARDS)]
