"""What waits, in the ops desk; and the page that every list of rows to act on starts from."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from partner_site.ops import ReadOnlyAdmin
from work.engine import revive
from work.models import DueRow, PeriodicSlot, WorkerHeartbeat

DUE_ROW_FIELDS = ("state", "due_at", "attempts", "problem", "finished_at", "lease_until", "claimed_by")
_NAMED_ROWS = 20
_CARRIED = ("action", "_selected_action", "select_across", "index", "from_page")


def short(moment: datetime | None) -> str:
    """A moment as lists show it: day and time of day, UTC, without the year."""
    return moment.astimezone(UTC).strftime("%d %b %H:%M:%S") if moment else "-"


def mode(livemode: bool | None) -> str:
    """`live` or `test`; Django's own green tick and red cross would look like good and bad."""
    return "-" if livemode is None else "live" if livemode else "test"


class ModeFilter(admin.SimpleListFilter):
    """By live or test mode; "By livemode: yes, no" would be Django's."""

    title, parameter_name = "mode", "livemode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("live", "Live"), ("test", "Test")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen mode."""
        if self.value() not in ("live", "test"):
            return queryset
        return queryset.filter(livemode=self.value() == "live")


class OpsPage(ReadOnlyAdmin):
    """Rows to look at, with actions that call commands: in the list, and as buttons on a row's own page.

    An action is allowed to staff who hold Django's "change" permission for the rows: `permissions=["act"]`.
    """

    change_form_template = "admin/ops_page.html"
    list_per_page = 40  # an action posts a field per row, and the site accepts 50 fields

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether this person may do something with these rows, though nobody edits them."""
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def offers(self, row: Any) -> set[str]:
        """Which actions make sense for the row; its page has a button for each."""
        return set()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The row's page, with the actions that make sense as buttons."""
        row = self.get_object(request, unquote(object_id))
        offered = self.offers(row) if row is not None else set()
        actions = [action[1:] for action in self.get_actions(request).values() if action]
        buttons = [(name, description) for name, description in actions if name in offered]
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "page_actions": buttons}
        )

    def tell(self, request: HttpRequest, count: int, total: int, what: str) -> None:
        """Say for how many of the chosen rows an action did something."""
        level = messages.SUCCESS if count else messages.WARNING
        messages.add_message(request, level, f"{count} of {total} {what}.")

    def back(self, request: HttpRequest) -> HttpResponse | None:
        """Where an action ends: the row's page if it was asked for there, with that row alone chosen; else the list."""
        chosen = request.POST.getlist("_selected_action")
        if "from_page" not in request.POST or len(chosen) != 1:
            return None
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", quote(chosen[0]))

    def ask_first(
        self, request: HttpRequest, rows: QuerySet[Any], *, title: str, consequence: str
    ) -> HttpResponse | None:
        """A page that asks whether to go on; None once that was answered with yes."""
        if request.POST.get("confirmed"):
            return None
        named = list(rows[:_NAMED_ROWS])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "consequence": consequence,
            "rows": named,
            "more": rows.count() - len(named),
            "carried": [(name, value) for name in _CARRIED for value in request.POST.getlist(name)],
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)

    def note(self, request: HttpRequest, row: Model, message: str) -> None:
        """Write into the desk's own log who did what with a row."""
        self.log_change(request, row, message)


class DueRowPage(OpsPage):
    """Rows that are due at a moment; a dead one can be tried again."""

    actions = ("revive_dead",)
    ordering = ("-id",)

    def offers(self, row: Any) -> set[str]:
        """To try a dead row again."""
        return {"revive_dead"} if row.state == DueRow.State.DEAD else set()

    @admin.action(description="Try again (dead rows only)", permissions=["act"])
    def revive_dead(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Let dead rows be tried from the beginning."""
        rows = list(queryset)
        revived = [row for row in rows if revive(row)]
        for row in revived:
            self.note(request, row, "Had it tried again.")
        self.tell(request, len(revived), len(rows), "will be tried again")
        return self.back(request)


@admin.register(PeriodicSlot)
class PeriodicSlotPage(DueRowPage):
    """Runs of periodic jobs."""

    list_display = ("job", "planned_for", "state", "attempts", "problem", "finished")
    list_filter = ("state",)
    search_fields = ("job",)
    date_hierarchy = "slot"
    fields = ("job", "slot", *DUE_ROW_FIELDS)

    @admin.display(description="Slot (UTC)", ordering="slot")
    def planned_for(self, slot: PeriodicSlot) -> str:
        """Which of its moments it is."""
        return short(slot.slot)

    @admin.display(description="Finished (UTC)", ordering="finished_at")
    def finished(self, slot: PeriodicSlot) -> str:
        """When it was done."""
        return short(slot.finished_at)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatPage(ReadOnlyAdmin):
    """Which workers are alive."""

    list_display = ("name", "host", "pid", "beat")
    search_fields = ("name",)
    ordering = ("-beat_at",)
    fields = ("name", "host", "pid", "beat_at")

    @admin.display(description="Last beat (UTC)", ordering="beat_at")
    def beat(self, worker: WorkerHeartbeat) -> str:
        """When it was last heard of."""
        return short(worker.beat_at)
