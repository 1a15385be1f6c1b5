"""What must outlive a restore, in the ops desk: the deletion ledger's entries, and the restores there were."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Merchant
from stripe_keys.models import DatabaseRestore, LedgerEntry, RestrictedKey
from work.admin import DUE_ROW_FIELDS, DueRowPage, OpsPage, short


@admin.register(LedgerEntry)
class LedgerEntryPage(DueRowPage):
    """What was erased or suspended, and whether it stands in the ledger's file; a row that waits says why."""

    list_display = ("kind", "key", "merchant", "status", "state", "problem", "at")
    list_filter = ("state", "kind")
    search_fields = ("key_id", "merchant_id", "entry_id")
    date_hierarchy = "erased_at"
    fields = ("entry_id", "kind", "merchant", "key", "status", "reason", "moment", *DUE_ROW_FIELDS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what names the key and the merchant, where they are still here: entries outlive both."""
        keys = RestrictedKey.objects.filter(pk=OuterRef("key_id"))
        merchants = Merchant.objects.filter(pk=OuterRef("merchant_id"))
        named = (
            super()
            .get_queryset(request)
            .annotate(
                key_last4=Subquery(keys.values("last4")[:1]),
                key_livemode=Subquery(keys.values("livemode")[:1]),
                merchant_name=Subquery(merchants.values("name")[:1]),
            )
        )
        return cast(QuerySet[Any], named)

    @admin.display(ordering="key_id")
    def key(self, entry: Any) -> SafeString | str:
        """The key, linked where its row exists."""
        if entry.key_last4 is None:
            return str(entry.key_id or "-")
        shown = RestrictedKey(livemode=entry.key_livemode, last4=entry.key_last4).display
        return _linked("admin:stripe_keys_restrictedkey_change", entry.key_id, shown)

    @admin.display(ordering="merchant_id")
    def merchant(self, entry: Any) -> SafeString | str:
        """The merchant, linked where its row exists."""
        if entry.merchant_name is None:
            return str(entry.merchant_id or "-")
        return _linked("admin:accounts_merchant_change", entry.merchant_id, entry.merchant_name)

    @admin.display(description="At (UTC)", ordering="erased_at")
    def at(self, entry: LedgerEntry) -> str:
        """When it happened, for the list."""
        return short(entry.erased_at)

    @admin.display(description="At")
    def moment(self, entry: LedgerEntry) -> str:
        """When it happened, with its year."""
        return f"{entry.erased_at:%d %b %Y %H:%M:%S} UTC"


def _linked(page: str, row_id: object, words: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(page, args=[row_id]), words)


@admin.register(DatabaseRestore)
class DatabaseRestorePage(OpsPage):
    """When the database was restored, and what was erased again."""

    list_display = ("restored", "entries_replayed", "keys_erased", "merchants_closed", "keys_to_check")
    date_hierarchy = "restored_at"
    ordering = ("-restored_at",)
    fields = ("restored_at", "entries_replayed", "keys_erased", "merchants_closed", "keys_to_check")

    @admin.display(description="Restored (UTC)", ordering="restored_at")
    def restored(self, restore: DatabaseRestore) -> str:
        """When."""
        return short(restore.restored_at)
