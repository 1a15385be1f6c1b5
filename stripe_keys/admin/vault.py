"""Data keys in the ops desk: whose they are and which key-encryption key wraps them. Never the wrapped bytes."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from stripe_keys.models import DataKey, MerchantDataKey, SiteDataKey
from stripe_keys.rotation import rewrapping
from work.admin import OpsPage, short


class KekFilter(admin.AllValuesFieldListFilter):
    """By the key-encryption key, under its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "key-encryption key"


class DataKeyPage(OpsPage):
    """A list of data keys, with how far they are moved to the primary key-encryption key on top."""

    table: ClassVar[str]
    change_list_template = "admin/stripe_keys/data_keys.html"
    list_filter = (("kek_id", KekFilter),)
    ordering = ("-pk",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, under the counts."""
        standing = rewrapping.standing(self.table)
        return super().changelist_view(request, {**(extra_context or {}), "standing": standing})

    @admin.display(description="Key-encryption key", ordering="kek_id")
    def kek(self, data_key: DataKey) -> str:
        """The id of the key that wraps it."""
        return data_key.kek_id

    @admin.display(description="Made (UTC)", ordering="created_at")
    def made(self, data_key: DataKey) -> str:
        """When it was made."""
        return short(data_key.created_at)


@admin.register(MerchantDataKey)
class MerchantDataKeyPage(DataKeyPage):
    """Merchants' data keys."""

    table = "merchants"
    list_display = ("merchant", "version", "kek", "made")
    list_select_related = ("merchant",)
    search_fields = ("merchant__name", "merchant__memberships__user__email", "kek_id")
    fields = ("merchant", "version", "kek", "created_at")


@admin.register(SiteDataKey)
class SiteDataKeyPage(DataKeyPage):
    """The data keys of the site's own secrets."""

    table = "site"
    list_display = ("version", "kek", "made")
    search_fields = ("kek_id",)
    fields = ("version", "kek", "created_at")
