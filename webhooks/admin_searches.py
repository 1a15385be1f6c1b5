"""The searches for lost deliveries in the ops desk, one to be begun at once, and how far each account was searched."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from webhooks import reconciling
from webhooks.models import AccountCursor, Reconciliation
from work.admin import DUE_ROW_FIELDS, DueRowPage, ModeFilter, OpsPage, mode, short


@admin.register(Reconciliation)
class ReconciliationPage(DueRowPage):
    """Searches, newest first, with how far they are."""

    list_display = (
        "began",
        "stands_at",
        "accounts",
        "failed",
        "missed",
        "installs_mended",
        "keys_to_check",
        "whose",
    )
    list_filter = ("state", "phase")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("created_at", "whose", "stands_at", "options", "since", "only_account", "notes")}),
        ("Found", {"fields": ("accounts", "failed", "events_listed", "missed", "early", "installs_mended",
                              "keys_to_check")}),
        ("Work", {"fields": DUE_ROW_FIELDS}),
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        """The way to begin one, before the pages of single rows."""
        now = self.admin_site.admin_view(self.reconcile_now)
        return [path("now/", now, name="reconcile_now"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with the button for those who may act."""
        may_begin = self.has_act_permission(request)
        return super().changelist_view(request, {**(extra_context or {}), "may_begin": may_begin})

    @method_decorator(require_POST)
    def reconcile_now(self, request: HttpRequest) -> HttpResponse:
        """Begin a search in this person's name, unless theirs is not over yet."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        name, options = request.user.get_username(), reconciling.Options()
        run = reconciling.open_run(options=options, asked_for_by=name)
        if run is None:
            run = reconciling.begin(options=options, asked_for_by=name)
            self.note(request, run, "Began it.")
            messages.success(request, "The search has begun.")
        else:
            messages.warning(request, "Your search is not over yet.")
        return redirect("admin:webhooks_reconciliation_change", run.pk)

    @admin.display(description="Began (UTC)", ordering="id")
    def began(self, run: Reconciliation) -> str:
        """When it was asked for."""
        return short(run.created_at)

    @admin.display(description="Stands at")
    def stands_at(self, run: Reconciliation) -> str:
        """The phase, or how it ended; with what it waits for."""
        said = run.get_phase_display() if run.state in (run.State.WAITING, run.State.CLAIMED) else run.state
        return f"{said.capitalize()} ({run.problem})" if run.problem else said.capitalize()

    @admin.display(description="Accounts")
    def accounts(self, run: Reconciliation) -> str:
        """How many of how many."""
        return f"{run.accounts_done + run.accounts_failed} of {run.accounts_total}"

    @admin.display(description="Failed", ordering="accounts_failed")
    def failed(self, run: Reconciliation) -> str:
        """Of how many Stripe did not show the events."""
        return str(run.accounts_failed)

    @admin.display(description="Missed events", ordering="events_missed")
    def missed(self, run: Reconciliation) -> str:
        """Events that were never delivered."""
        return str(run.events_missed)

    @admin.display(description="Found before their delivery")
    def early(self, run: Reconciliation) -> str:
        """So young that their delivery may have been on its way."""
        return str(run.progress.get("events_early", 0))

    @admin.display(description="Asked for by")
    def whose(self, run: Reconciliation) -> str:
        """A person, the command, or the site itself."""
        return run.asked_for_by or "the site"

    @admin.display(description="Keeps to")
    def options(self, run: Reconciliation) -> str:
        """What it was told to do."""
        told = run.progress.get("options", {})
        said = [*told.get("phases", [])]
        said += ["dry run"] if told.get("dry_run") else []
        said += [f"{told['limit']} accounts"] if told.get("limit") else []
        return ", ".join(said)

    @admin.display(description="Remarks")
    def notes(self, run: Reconciliation) -> SafeString | str:
        """What was not possible or not necessary, by phase."""
        noted = sorted(run.progress.get("notes", {}).items())
        said = ((about.replace("_", " "), code.replace("_", " ")) for about, code in noted)
        return format_html_join("", "<p>{}: {}</p>", said) or "-"


class ProblemFilter(admin.SimpleListFilter):
    """Accounts whose list could not be read to its end."""

    title, parameter_name = "problem", "problem"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("some", "Some"), ("none", "None")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The chosen rows."""
        if self.value() not in ("some", "none"):
            return queryset
        is_well = Q(problem="")
        return queryset.filter(is_well if self.value() == "none" else ~is_well)


@admin.register(AccountCursor)
class AccountCursorPage(OpsPage):
    """How far each account's events have been searched."""

    list_display = ("stripe_account_id", "problem", "until", "live_or_test", "tried")
    list_filter = (ProblemFilter, ModeFilter)
    search_fields = ("stripe_account_id__exact",)
    search_help_text = "A whole account id"
    ordering = ("listed_until", "pk")
    fields = ("stripe_account_id", "live_or_test", "listed_until", "problem", "tried_at", "seen_installed_at")

    @admin.display(description="Mode", ordering="livemode")
    def live_or_test(self, cursor: AccountCursor) -> str:
        """Live or test."""
        return mode(cursor.livemode)

    @admin.display(description="Searched until (UTC)", ordering="listed_until")
    def until(self, cursor: AccountCursor) -> str:
        """Up to when all events are here."""
        return short(cursor.listed_until)

    @admin.display(description="Last try (UTC)", ordering="tried_at")
    def tried(self, cursor: AccountCursor) -> str:
        """When Stripe was last asked."""
        return short(cursor.tried_at)
