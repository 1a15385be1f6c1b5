"""What keys are used for, in the ops desk: the daily counts, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Merchant
from stripe_keys.models import KeyUsage
from work.admin import ModeFilter, OpsPage


class ModeOfKeyFilter(ModeFilter):
    """By the mode of the key."""

    parameter_name = "mode"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of keys of the chosen mode."""
        if self.value() not in ("live", "test"):
            return queryset
        return queryset.filter(key__livemode=self.value() == "live")


@admin.register(KeyUsage)
class KeyUsagePage(OpsPage):
    """How often which key was used for what; never with ids, parameters or bodies."""

    list_display = ("day", "key", "merchant", "call", "outcome", "count")
    list_filter = ("outcome", ModeOfKeyFilter)
    list_select_related = ("key__merchant",)
    search_fields = (
        "template",
        "key__last4",
        "key__stripe_key_id",
        "key__stripe_account_id",
        "key__merchant__name",
    )
    search_help_text = "Path template, account id, key id, last four characters, or merchant"
    date_hierarchy = "day"
    ordering = ("-day", "-count", "-id")
    fields = ("key", "merchant", "day", "method", "template", "outcome", "count")
    readonly_fields = ("merchant",)

    @admin.display(ordering="key__merchant__name")
    def merchant(self, usage: KeyUsage) -> Merchant:
        """Whose key it is."""
        return usage.key.merchant

    @admin.display(ordering="template")
    def call(self, usage: KeyUsage) -> str:
        """Method and path template."""
        return f"{usage.method} {usage.template}"
