"""Old secret keys that merchants retire, in the ops desk: whether each is dead, and who says so."""

from django.contrib import admin

from stripe_keys.models import SecretKeyMigration
from work.admin import ModeFilter, OpsPage, mode, short


@admin.register(SecretKeyMigration)
class SecretKeyMigrationPage(OpsPage):
    """Which merchants still have a secret key in use elsewhere, and how the others know that theirs is dead."""

    list_display = (
        "begun",
        "merchant",
        "which_mode",
        "display",
        "stripe_key_id",
        "proof",
        "proven",
        "taken_back",
    )
    list_filter = ("proof", ModeFilter)
    list_select_related = ("merchant",)
    search_fields = ("merchant__name", "last4", "stripe_key_id", "event_id", "proven_by__email")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    fields = (
        "merchant",
        "which_mode",
        "created_at",
        "last4",
        "stripe_key_id",
        "retired_at",
        "proof",
        "proven_at",
        "proven_by",
        "event_id",
        "taken_back_at",
        "taken_back_by",
    )
    readonly_fields = ("which_mode",)

    @admin.display(description="Begun (UTC)", ordering="created_at")
    def begun(self, row: SecretKeyMigration) -> str:
        """Since when."""
        return short(row.created_at)

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, row: SecretKeyMigration) -> str:
        """Live or test."""
        return mode(row.livemode)

    @admin.display(description="Old key", ordering="last4")
    def display(self, row: SecretKeyMigration) -> str:
        """As far as its merchant has named it."""
        return row.display

    @admin.display(description="Proven (UTC)", ordering="proven_at")
    def proven(self, row: SecretKeyMigration) -> str:
        """When it was recorded as dead."""
        return short(row.proven_at)

    @admin.display(description="Taken back (UTC)", ordering="taken_back_at")
    def taken_back(self, row: SecretKeyMigration) -> str:
        """When that was called a mistake."""
        return short(row.taken_back_at)
