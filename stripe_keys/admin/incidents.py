"""Our traffic with Stripe, in the ops desk: incidents there were, and accounts that do not answer or answer slowly."""

from math import ceil
from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from stripe_keys import incidents, pace, sweeps
from stripe_keys.models import AccountPace, RestrictedKey, StripeIncident
from work.admin import ModeFilter, OpsPage, mode, short


class OpenFilter(admin.SimpleListFilter):
    """Incidents that are open, or over."""

    title, parameter_name = "standing", "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("open", "Open"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The incidents of the chosen kind."""
        if self.value() not in ("open", "over"):
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "open")


@admin.register(StripeIncident)
class StripeIncidentPage(OpsPage):
    """When Stripe was in trouble, what we concluded it from, and who ended it."""

    list_display = ("kind", "standing", "evidence", "began", "ended", "ended_by")
    list_filter = ("kind", OpenFilter)
    search_fields = ("evidence", "ended_by")
    search_help_text = "Evidence, or who ended it"
    date_hierarchy = "began_at"
    ordering = ("-began_at",)
    actions = ("end_the_brake",)
    fields = ("kind", "standing", "evidence", "keys_held", "began_at", "ended_at", "ended_by")

    @admin.display
    def standing(self, incident: StripeIncident) -> str:
        """Whether it is over."""
        return "Over" if incident.ended_at else "Open"

    @admin.display(description="Keys that Stripe refuses now")
    def keys_held(self, incident: StripeIncident) -> int:
        """How many keys live on only because of the brake, or wait for a second look."""
        return _refused_now()

    @admin.display(description="Began (UTC)", ordering="began_at")
    def began(self, incident: StripeIncident) -> str:
        """Since when."""
        return short(incident.began_at)

    @admin.display(description="Ended (UTC)", ordering="ended_at")
    def ended(self, incident: StripeIncident) -> str:
        """Until when."""
        return short(incident.ended_at)

    def offers(self, row: StripeIncident) -> set[str]:
        """To end the brake. An outage ends with Stripe's first answer, and with nothing else."""
        return {"end_the_brake"} if _is_open_brake(row) else set()

    @admin.action(description="The keys are really gone: end the brake …", permissions=["act"])
    def end_the_brake(self, request: HttpRequest, queryset: QuerySet[StripeIncident]) -> HttpResponse | None:
        """Let refused keys die at their next check, after asking."""
        question = self.ask_first(
            request,
            queryset,
            title="End the brake",
            consequence="Do this only if Stripe has told you that the keys are really gone. Every key that Stripe"
            " refuses then ends at its next check: it is erased here, and its merchant is told by mail to paste a new"
            f" one. Keys refused at the moment: {_refused_now()}. {_how_long(_refused_now())} No new brake begins until"
            " they are done, for an hour at least and a day at most.",
        )
        if question is not None:
            return question
        rows = list(queryset)
        by = cast(User, request.user).email
        ended = [row for row in rows if _is_open_brake(row) and incidents.end(row.kind, by=by)]
        for row in ended:
            self.note(request, row, "Ended the brake: the keys are really gone.")
        self.tell(request, len(ended), len(rows), "ended; refused keys end at their next check")
        return self.back(request)


def _refused_now() -> int:
    return RestrictedKey.objects.usable().filter(first_refused_at__isnull=False).count()


def _how_long(keys: int) -> str:
    """How long it takes until so many keys have had their next check."""
    minutes = 15 + ceil(keys / sweeps.keys_per_sweep() * sweeps.PLANNED_EVERY_SECONDS / 60)
    if keys <= sweeps.keys_per_sweep():
        return "That takes up to a quarter of an hour."
    return f"At the pace of regular checks that takes about {minutes} minutes."


def _is_open_brake(incident: StripeIncident) -> bool:
    return incident.kind == StripeIncident.Kind.REFUSALS and incident.ended_at is None


class TroubleFilter(admin.SimpleListFilter):
    """Accounts that are left alone, or that may not take up every worker."""

    title, parameter_name = "trouble", "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two kinds, and both."""
        return [("any", "Either"), ("breaker", "Open breaker"), ("slow", "Slow")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The accounts with the chosen trouble."""
        now = timezone.now()
        breaker, slow = Q(closed_until__gt=now), Q(slow_until__gt=now)
        chosen = {"any": breaker | slow, "breaker": breaker, "slow": slow}.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


@admin.register(AccountPace)
class AccountPacePage(OpsPage):
    """How each merchant's account answers: checks in a row without an answer, and until when it is left alone."""

    list_display = ("merchant", "which_mode", "troubles", "left_alone", "slow")
    list_filter = (TroubleFilter, ModeFilter)
    list_select_related = ("merchant",)
    search_fields = ("merchant__name", "merchant__memberships__user__email")
    search_help_text = "Merchant, or a member's address"
    ordering = ("-troubles", "-id")
    actions = ("close_the_breaker",)
    fields = ("merchant", "which_mode", "troubles", "closed_until", "slow_until", "free_at")

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, pace_of_account: AccountPace) -> str:
        """Live or test."""
        return mode(pace_of_account.livemode)

    @admin.display(description="Left alone until (UTC)", ordering="closed_until")
    def left_alone(self, pace_of_account: AccountPace) -> str:
        """Until when its breaker is open."""
        return short(_ahead(pace_of_account.closed_until))

    @admin.display(description="Slow until (UTC)", ordering="slow_until")
    def slow(self, pace_of_account: AccountPace) -> str:
        """Until when it counts as slow."""
        return short(_ahead(pace_of_account.slow_until))

    def offers(self, row: AccountPace) -> set[str]:
        """To close a breaker that is open."""
        return {"close_the_breaker"} if _ahead(row.closed_until) else set()

    @admin.action(description="Close the breaker: ask again now", permissions=["act"])
    def close_the_breaker(self, request: HttpRequest, queryset: QuerySet[AccountPace]) -> HttpResponse | None:
        """Ask about the accounts again, as if they had answered."""
        rows = list(queryset)
        open_ones = [row for row in rows if _ahead(row.closed_until)]
        for row in open_ones:
            pace.forget_troubles(merchant_id=row.merchant_id, livemode=row.livemode)
            self.note(request, row, "Closed the breaker.")
        self.tell(request, len(open_ones), len(rows), "may be asked about again")
        return self.back(request)


def _ahead(moment: Any) -> Any:
    """The moment if it is still to come."""
    return moment if moment and moment > timezone.now() else None
