"""Deliveries that contradict an event we hold, in the ops desk: security notes, to look at."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from partner_site.ops import ReadOnlyAdmin
from webhooks.models import ConflictingDelivery
from work.admin import short


@admin.register(ConflictingDelivery)
class ConflictingDeliveryPage(ReadOnlyAdmin):
    """Ids that came again with another content. The content itself was not kept, and nothing followed from it."""

    list_display = ("last", "event_id_there", "secret_name", "type", "stripe_account_id", "times")
    list_select_related = ("event",)
    ordering = ("-last_at",)
    search_fields = ("event__event_id__exact", "stripe_account_id__exact")
    search_help_text = "A whole event id or account id"
    fields = (
        "the_event",
        "kept",
        "came",
        "size",
        "type",
        "stripe_account_id",
        "secret_name",
        "times",
        "first_at",
        "last_at",
    )
    readonly_fields = ("the_event", "kept", "came")

    @admin.display(description="Last time (UTC)", ordering="last_at")
    def last(self, note: ConflictingDelivery) -> str:
        """When it came last."""
        return short(note.last_at)

    @admin.display(description="Event")
    def event_id_there(self, note: ConflictingDelivery) -> str:
        """The id that both contents claim."""
        return note.event.event_id

    @admin.display(description="Event")
    def the_event(self, note: ConflictingDelivery) -> str:
        """The way to the event as it was kept."""
        address = reverse("admin:webhooks_eventnotification_change", args=[note.event_id])
        return format_html('<a href="{}">{}</a>', address, note.event)

    @admin.display(description="SHA-256 of what was kept")
    def kept(self, note: ConflictingDelivery) -> str:
        """The digest of the first content."""
        return bytes(note.event.body_sha256).hex()

    @admin.display(description="SHA-256 of what came")
    def came(self, note: ConflictingDelivery) -> str:
        """The digest of the other."""
        return bytes(note.body_sha256).hex()
