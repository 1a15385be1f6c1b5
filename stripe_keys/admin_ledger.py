"""What must outlive a restore, in the ops desk: the deletion ledger's entries, and the restores there were."""

from django.contrib import admin

from stripe_keys.models import DatabaseRestore, LedgerEntry
from work.admin import DUE_ROW_FIELDS, DueRowPage, OpsPage


@admin.register(LedgerEntry)
class LedgerEntryPage(DueRowPage):
    """What was erased, and whether it stands in the ledger's file; a row that waits says why."""

    list_display = ("kind", "key_id", "merchant_id", "status", "state", "problem", "erased_at")
    list_filter = ("state", "kind")
    search_fields = ("key_id", "merchant_id", "entry_id")
    date_hierarchy = "erased_at"
    fields = ("entry_id", "kind", "merchant_id", "key_id", "status", "reason", "erased_at", *DUE_ROW_FIELDS)


@admin.register(DatabaseRestore)
class DatabaseRestorePage(OpsPage):
    """When the database was restored, and what was erased again."""

    list_display = ("restored_at", "entries_replayed", "keys_erased", "merchants_closed", "keys_to_check")
    date_hierarchy = "restored_at"
    ordering = ("-restored_at",)
    fields = ("restored_at", "entries_replayed", "keys_erased", "merchants_closed", "keys_to_check")
