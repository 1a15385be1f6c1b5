"""Events from Stripe in the ops desk: what came, what became of it, and "process it again"."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from webhooks import (
    admin_conflicts,  # noqa: F401  # registers its page
    admin_replays,  # noqa: F401  # registers its page
    admin_searches,  # noqa: F401  # registers its pages
    admin_secrets,  # noqa: F401  # registers its page
    handlers,
    reading,
    replays,
    signature,
)
from webhooks.models import EventNotification
from work.admin import DueRowPage, ModeFilter, mode, short

_OTHERS = "others"


class _NamedFilter(admin.SimpleListFilter):
    """A filter whose choices come from the code or the settings: asking the table for them would read all of it."""

    field = ""

    def names(self) -> Iterable[str]:
        """The choices."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each name, and whatever else there may be."""
        return [*((name, name) for name in self.names()), (_OTHERS, _OTHERS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen name."""
        if self.value() is None:
            return queryset
        if self.value() == _OTHERS:
            return queryset.exclude(**{f"{self.field}__in": list(self.names())})
        return queryset.filter(**{self.field: self.value()})


class TypeFilter(_NamedFilter):
    """By type, as far as there is a handler for it."""

    title, parameter_name, field = "type", "event_type", "type"

    def names(self) -> Iterable[str]:
        """The types that something follows from."""
        return [handlers.PING, *handlers.HANDLERS]


class SecretFilter(_NamedFilter):
    """By the signing secret that fitted; "others" came with one that is no longer configured."""

    title, parameter_name, field = "signing secret", "secret", "secret_name"

    def names(self) -> Iterable[str]:
        """The configured secrets."""
        return [secret.name for secret in signature.signing_secrets()]


class OtherBodyFilter(admin.SimpleListFilter):
    """Ids that came again with another body, which Stripe does not do."""

    title, parameter_name = "other body", "other_body"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice."""
        return [("yes", "came again with another body")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The chosen rows."""
        return queryset.filter(other_bodies__gt=0) if self.value() else queryset


@admin.register(EventNotification)
class EventNotificationPage(DueRowPage):
    """The inbox."""

    list_display = ("arrived", "became", "type", "account", "mode")
    list_filter = ("state", "outcome", ModeFilter, TypeFilter, SecretFilter, OtherBodyFilter)
    search_fields = (
        "event_id__exact",
        "stripe_account_id__exact",
        "stripe_key_id__exact",
        "new_stripe_key_id__exact",
    )
    search_help_text = "A whole event id, account id or key id"
    date_hierarchy = "created_at"
    actions = ("process_again",)
    fieldsets = (
        (None, {"fields": ("event_id", "type", "mode", "stripe_account_id", "context", "payload")}),
        ("What became of it", {"fields": ("state", "outcome", "outcome_note", "stripe_key_id", "new_stripe_key_id",
                                          "attempts", "problem", "due_at", "finished_at", "replays")}),
        ("How it came", {"fields": ("stripe_created_at", "created_at", "source", "secret_name", "other_contents",
                                    "digest", "is_masked", "told")}),
    )  # fmt: skip

    @admin.display(description="Arrived (UTC)", ordering="id")
    def arrived(self, event: EventNotification) -> str:
        """When it reached us."""
        return short(event.created_at)

    @admin.display(ordering="stripe_account_id")
    def account(self, event: EventNotification) -> str:
        """The account it is about."""
        return event.stripe_account_id or "-"

    @admin.display(ordering="livemode")
    def mode(self, event: EventNotification) -> str:
        """Live or test, as the event itself says."""
        return mode(event.livemode)

    @admin.display(description="What became of it", ordering="outcome")
    def became(self, event: EventNotification) -> str:
        """The outcome with its note; before there is one, the state with its problem."""
        said = event.get_outcome_display() or event.get_state_display()
        note = event.outcome_note or event.problem
        return f"{said} ({note})" if note else said

    @admin.display(description="Other contents under its id")
    def other_contents(self, event: EventNotification) -> str:
        """How many came; none is counted that comes while the event is worked on."""
        return f"at least {event.other_bodies}" if event.other_bodies else "none"

    @admin.display(description="SHA-256 of the body")
    def digest(self, event: EventNotification) -> str:
        """The digest in hexadecimal."""
        return bytes(event.body_sha256).hex()

    @admin.display(description="Body")
    def told(self, event: EventNotification) -> str:
        """The body in lines; as it came where it does not read."""
        if event.body_forgotten_at:
            return f"Forgotten on {event.body_forgotten_at:%d %b %Y}: it was too old to be kept."
        try:
            text = json.dumps(reading.parse(event.body, may_repeat=event.is_masked), indent=2)
        except reading.UnreadableBody:
            text = event.body
        return format_html("<pre>{}</pre>", text)

    def offers(self, row: EventNotification) -> set[str]:
        """To process it again, once it has come to an end and while it can still be read."""
        can = replays.replayable(EventNotification.objects.filter(pk=row.pk)).exists()
        return {"process_again"} if can else set()

    @admin.action(description="Process again", permissions=["act"])
    def process_again(
        self, request: HttpRequest, queryset: QuerySet[EventNotification]
    ) -> HttpResponse | None:
        """Have the chosen events, or all that match the filters, processed from the beginning; asks first for all."""
        if request.POST.get("select_across") == "1":
            return self._process_all_again(request, queryset)
        total = queryset.count()
        ids = list(queryset.order_by("pk").values_list("event_id", flat=True))
        events = list(replays.replayable(queryset))
        done = replays.replay(queryset, by=str(request.user), chosen={"ids": ids})
        for event in events:
            self.note(request, event, "Had it processed again.")
        self.tell(request, done, total, "will be processed again")
        return self.back(request)

    def _process_all_again(
        self, request: HttpRequest, queryset: QuerySet[EventNotification]
    ) -> HttpResponse | None:
        can = replays.replayable(queryset)
        total = queryset.count()
        count = can.count()
        others = "" if count == total else " The others are not at an end yet, or too old to be read."
        question = self.ask_first(
            request,
            can.order_by("pk"),
            title="Process all of these again",
            consequence=f"{count} of the {total} events that match will be processed from the beginning, oldest first."
            + others,
        )
        if question is not None:
            return question
        filters = {name: request.GET.getlist(name) for name in request.GET if name not in ("p", "o")}
        done = replays.replay(queryset, by=str(request.user), chosen={"filters": filters or "none"})
        self.tell(request, done, total, "will be processed again")
        return self.back(request)
