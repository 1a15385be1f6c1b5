"""What the partner's own systems are told, in the ops desk: messages, and the endpoints that take them or do not."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from stripe_keys.models import OutgoingMessage, PartnerEndpoint
from stripe_keys.outgoing import breaker, endpoints, messages
from work.admin import DUE_ROW_FIELDS, DueRowPage, OpsPage, short


@admin.register(OutgoingMessage)
class OutgoingMessagePage(DueRowPage):
    """Messages to the partner's own systems: those that wait, those that were taken, and the dead."""

    list_display = ("written", "state", "type", "endpoint", "problem", "last_status", "attempts", "next_try")
    list_filter = ("state", "endpoint", "type")
    search_fields = ("message_id", "body")
    search_help_text = "Message id, or an id that the message is about"
    date_hierarchy = "created_at"
    fields = (
        "message_id",
        "endpoint",
        "type",
        "change",
        "body",
        "last_status",
        "created_at",
        *DUE_ROW_FIELDS,
    )

    @admin.display(description="Written (UTC)", ordering="id")
    def written(self, message: OutgoingMessage) -> str:
        """When it was written."""
        return short(message.created_at)

    @admin.display(description="Next try (UTC)", ordering="due_at")
    def next_try(self, message: OutgoingMessage) -> str:
        """When it is tried, if it will be."""
        return short(message.due_at) if message.state == OutgoingMessage.State.WAITING else "-"


@admin.register(PartnerEndpoint)
class PartnerEndpointPage(OpsPage):
    """The endpoints of PARTNER_WEBHOOKS, and how they take messages."""

    list_display = ("name", "standing", "failures", "failing", "asked_next")
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("send_test", "ask_again")
    fields = ("name", "standing", "failures", "failing_since", "closed_until", "gone_at")

    @admin.display
    def standing(self, endpoint: PartnerEndpoint) -> str:
        """Whether messages are sent to it."""
        if endpoint.name not in endpoints.configured():
            return "Not configured any more"
        if endpoint.gone_at:
            return "Gone (410): left alone"
        if endpoint.closed_until:
            return "Left alone for now"
        return "Failing" if endpoint.failing_since else "Taking messages"

    @admin.display(description="Failing since (UTC)", ordering="failing_since")
    def failing(self, endpoint: PartnerEndpoint) -> str:
        """Since when it has taken nothing."""
        return short(endpoint.failing_since)

    @admin.display(description="Asked next (UTC)", ordering="closed_until")
    def asked_next(self, endpoint: PartnerEndpoint) -> str:
        """When one message finds out whether it takes messages again."""
        is_ahead = endpoint.closed_until is not None and endpoint.closed_until > timezone.now()
        return short(endpoint.closed_until) if is_ahead and endpoint.gone_at is None else "-"

    def offers(self, row: PartnerEndpoint) -> set[str]:
        """A test while it is configured; to ask again what is failing."""
        offered = {"send_test"} if row.name in endpoints.configured() else set()
        return offered | ({"ask_again"} if row.failing_since else set())

    @admin.action(description="Send a test message", permissions=["act"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Write a message that says nothing, sent once, whether the endpoint is left alone or not."""
        rows = list(queryset)
        sent = [row for row in rows if row.name in endpoints.configured()]
        for row in sent:
            message = messages.tell_test(row.name)
            self.note(request, row, f"Sent the test message {message.message_id}.")
        self.tell(request, len(sent), len(rows), "will be sent a test message: see Outgoing messages")
        return self.back(request)

    @admin.action(description="Ask again now what is left alone", permissions=["act"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Send what waits, as if the endpoint had never failed."""
        rows = list(queryset)
        asked = [row for row in rows if breaker.close(row.name)]
        for row in asked:
            self.note(request, row, "Had it asked again.")
        self.tell(request, len(asked), len(rows), "will be asked again")
        return self.back(request)
