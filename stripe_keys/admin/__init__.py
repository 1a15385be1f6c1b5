"""Restricted keys in the ops desk: everything about a key except the key. What belongs to keys is in `records`."""

from collections import Counter
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from stripe_keys import purposes, sentences, services
from stripe_keys.admin import (
    audits,  # noqa: F401  # registers its pages
    incidents,  # noqa: F401  # registers its pages
    ledger,  # noqa: F401  # registers its pages
    managed,  # noqa: F401  # registers its pages
    outgoing,  # noqa: F401  # registers its pages
    records,  # noqa: F401  # registers its pages
    secret_keys,  # noqa: F401  # registers its page
    usage,  # noqa: F401  # registers its page
    vault,  # noqa: F401  # registers its pages
)
from stripe_keys.admin.leaks import LeakDesk
from stripe_keys.admin.report import ReportOnKey
from stripe_keys.models import RestrictedKey, StatusChange, Validation
from work.admin import ModeFilter, short

_NEWEST = 15


class OfAKey(admin.TabularInline[Any, RestrictedKey]):
    """The newest rows that belong to a key, to look at."""

    extra = max_num = 0
    can_delete = False
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The newest few: a key that is checked daily gathers hundreds."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        of_key = self.model._default_manager.filter(key=match.kwargs.get("object_id") if match else None)
        return rows.filter(pk__in=of_key.order_by("-pk").values("pk")[:_NEWEST]).order_by("-pk")


class HistoryOfKey(OfAKey):
    """What happened to a key."""

    model = StatusChange
    fields = readonly_fields = ("at", "from_status", "to_status", "actor", "reason")
    verbose_name_plural = f"history, newest first (at most {_NEWEST})"


class ValidationsOfKey(OfAKey):
    """How a key was checked, with what was found out about each permission."""

    model = Validation
    fields = readonly_fields = ("created_at", "reason", "state", "verdict", "permissions", "problem")
    verbose_name_plural = f"checks, newest first (at most {_NEWEST})"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With their permission checks, in one more query for all of them."""
        return super().get_queryset(request).prefetch_related("permission_checks")

    @admin.display
    def permissions(self, validation: Validation) -> str:
        """What was found out, what is missing first; of a survey, which asks for a hundred, the numbers."""
        if validation.reason == Validation.Reason.SURVEY:
            found = Counter(check.outcome for check in validation.permission_checks.all())
            return ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.items())) or "-"
        checks = sorted(validation.permission_checks.all(), key=lambda check: check.outcome != "missing")
        return ", ".join(f"{check.permission} {check.outcome}" for check in checks) or "-"


class ProblemFilter(admin.SimpleListFilter):
    """By what the last check stumbled over; keys without a problem are not a choice without a name."""

    title, parameter_name = "last problem", "problem"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every problem that there are words for."""
        return [(code, code.replace("_", " ")) for code in sorted(sentences.PROBLEM_CODES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The keys with the chosen problem."""
        return queryset.filter(last_problem=self.value()) if self.value() else queryset


class PurposeFilter(admin.SimpleListFilter):
    """By what keys are for, where there is more than one thing; a purpose that was given up stays a choice."""

    title, parameter_name = "purpose", "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every purpose that keys are asked for, or have been; the desk shows no filter without a choice."""
        seen = RestrictedKey.objects.order_by("purpose").values_list("purpose", flat=True).distinct()
        asked_for = purposes.names()
        found = [*asked_for, *(name for name in seen if name not in asked_for)]
        return [(name, name) for name in found] if len(found) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The keys of the chosen purpose."""
        return queryset.filter(purpose=self.value()) if self.value() else queryset


@admin.register(RestrictedKey)
class RestrictedKeyPage(LeakDesk, ReportOnKey):
    """Restricted keys; nobody, staff included, sees one."""

    list_display = ("display", "merchant", "account", "standing", "checked", "problem")
    list_filter = (
        "status",
        ModeFilter,
        PurposeFilter,
        ("suspended_at", admin.EmptyFieldListFilter),
        ProblemFilter,
    )
    list_select_related = ("merchant",)
    search_fields = (
        "stripe_account_id",
        "stripe_key_id",
        "last4",
        "merchant__name",
        "merchant__memberships__user__email",
    )
    search_help_text = "Account id, key id, last four characters, merchant, or a member's address"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("check_now", "suspend", "resume")
    inlines = (HistoryOfKey, ValidationsOfKey)
    fieldsets = (
        (None, {"fields": ("display", "merchant", "mode", "purpose", "status", "suspended_at")}),
        ("At Stripe", {"fields": ("stripe_account_id", "stripe_key_id", "rotated_at", "expires_at",
                                  "successor_stripe_key_id")}),
        ("Health", {"fields": ("last_checked_at", "last_ok_at", "next_check_at", "consecutive_failures",
                               "first_refused_at", "last_problem")}),
        ("What it can do", {"fields": ("rights", "last_surveyed_at")}),
        ("Where it comes from", {"fields": ("id", "added_by", "created_at", "awaits_account_confirmation",
                                            "awaits_account_id", "account_is_claimed", "replaced_by",
                                            "stands_in_for")}),
    )  # fmt: skip

    @admin.display(description="Last problem", ordering="last_problem")
    def problem(self, key: RestrictedKey) -> str:
        """What the last check stumbled over, as the filter calls it."""
        return key.last_problem.replace("_", " ").capitalize() or "-"

    @admin.display(description="Key", ordering="last4")
    def display(self, key: RestrictedKey) -> str:
        """The key as Stripe's Dashboard writes it."""
        return key.display

    @admin.display
    def mode(self, key: RestrictedKey) -> str:
        """Live or test."""
        return key.mode

    @admin.display(ordering="stripe_account_id")
    def account(self, key: RestrictedKey) -> str:
        """The Stripe account it is of."""
        return key.stripe_account_id or "-"

    @admin.display(description="Status", ordering="status")
    def standing(self, key: RestrictedKey) -> str:
        """Its status, and whether support refuses to let it be used."""
        return f"{key.get_status_display()}{', suspended' if key.suspended_at else ''}"

    @admin.display(description="Last checked (UTC)", ordering="last_checked_at")
    def checked(self, key: RestrictedKey) -> str:
        """When it was last looked at."""
        return short(key.last_checked_at)

    def offers(self, row: RestrictedKey) -> set[str]:
        """A check, and the suspension or its end, while the key is kept."""
        return {"check_now", "resume" if row.suspended_at else "suspend"} if row.is_kept else set()

    @admin.action(description="Check now", permissions=["act"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[RestrictedKey]) -> HttpResponse | None:
        """Have the keys checked at once; those whose life has ended cannot be."""
        keys = self._plain(queryset)
        count = services.recheck_for_ops(keys=keys, actor=_staff(request), now=timezone.now())
        self.tell(request, count, keys.count(), "will be checked now")
        return self.back(request)

    @admin.action(description="Suspend …", permissions=["act"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[RestrictedKey]) -> HttpResponse | None:
        """Refuse to let the keys be used, after asking."""
        question = self.ask_first(
            request,
            queryset,
            title="Suspend",
            consequence="These keys stay stored and are still checked, but are handed to nobody until the suspension"
            " is lifted. Their merchants are told by mail.",
        )
        return question or self._each(request, queryset, services.suspend, "suspended")

    @admin.action(description="Lift suspension …", permissions=["act"])
    def resume(self, request: HttpRequest, queryset: QuerySet[RestrictedKey]) -> HttpResponse | None:
        """Let the keys be used again, after asking."""
        question = self.ask_first(
            request,
            queryset,
            title="Lift suspension",
            consequence="These keys may be used again, and are checked at once.",
        )
        return question or self._each(request, queryset, services.resume, "usable again")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[RestrictedKey], command: Any, done: str
    ) -> HttpResponse | None:
        keys = list(self._plain(queryset))
        count = 0
        for key in keys:
            try:
                command(key=key, actor=_staff(request), now=timezone.now())
            except services.NotPossibleNow:
                continue
            count += 1
        self.tell(request, count, len(keys), done)
        return self.back(request)

    @staticmethod
    def _plain(queryset: QuerySet[RestrictedKey]) -> QuerySet[RestrictedKey]:
        """The same rows without the list's joins, so that they can be locked."""
        return RestrictedKey.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)  # the desk lets nobody else in
