"""Replays in the ops desk: who had which events processed again, and how many."""

import json

from django.contrib import admin
from django.utils.html import format_html

from partner_site.ops import ReadOnlyAdmin
from webhooks.models import EventReplay
from work.admin import short

_LONGEST = 80


@admin.register(EventReplay)
class EventReplayPage(ReadOnlyAdmin):
    """The record of replays; the events themselves are replayed in their own list, or by `replay_events`."""

    list_display = ("when", "which", "events", "by")
    date_hierarchy = "at"
    ordering = ("-at",)
    search_fields = ("by",)
    fields = ("at", "by", "events", "conditions")
    readonly_fields = ("conditions",)

    @admin.display(description="At (UTC)", ordering="at")
    def when(self, replay: EventReplay) -> str:
        """When it was asked for."""
        return short(replay.at)

    @admin.display(description="Chosen by")
    def which(self, replay: EventReplay) -> str:
        """The conditions in one line, cut where it grows long."""
        words = _words(replay.chosen)
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"

    @admin.display(description="Chosen by")
    def conditions(self, replay: EventReplay) -> str:
        """All of the conditions."""
        return format_html('<pre class="wrapped">{}</pre>', json.dumps(replay.chosen, indent=2))


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
