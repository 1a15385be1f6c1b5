"""Keys, installs, checks and history in the ops desk: everything about a key except the key."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Merchant, User
from partner_site.ops import ReadOnlyAdmin
from stripe_keys import services
from stripe_keys.models import (
    KeySubmission,
    KeyUse,
    PermissionCheck,
    RestrictedKey,
    StatusChange,
    StripeInstall,
    Validation,
)
from work.admin import DUE_ROW_FIELDS, DueRowPage, OpsPage

_KEY_SEARCH = ("key__stripe_key_id", "key__last4", "key__stripe_account_id", "key__merchant__name")
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
        """What was found out, what is missing first."""
        checks = sorted(validation.permission_checks.all(), key=lambda check: check.outcome != "missing")
        return ", ".join(f"{check.permission} {check.outcome}" for check in checks) or "-"


@admin.register(RestrictedKey)
class RestrictedKeyPage(OpsPage):
    """Restricted keys; nobody, staff included, sees one."""

    list_display = (
        "display",
        "merchant",
        "stripe_account_id",
        "status",
        "suspended",
        "last_checked_at",
        "last_problem",
    )
    list_filter = ("status", "livemode", ("suspended_at", admin.EmptyFieldListFilter), "last_problem")
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
        (None, {"fields": ("display", "merchant", "livemode", "purpose", "status", "suspended_at")}),
        ("At Stripe", {"fields": ("stripe_account_id", "stripe_key_id", "rotated_at", "expires_at",
                                  "successor_stripe_key_id")}),
        ("Health", {"fields": ("last_checked_at", "last_ok_at", "next_check_at", "consecutive_failures",
                               "first_refused_at", "last_problem")}),
        ("Where it comes from", {"fields": ("id", "added_by", "created_at", "awaits_account_confirmation",
                                            "replaced_by")}),
    )  # fmt: skip

    @admin.display(description="Key", ordering="last4")
    def display(self, key: RestrictedKey) -> str:
        """The key as Stripe's Dashboard writes it."""
        return key.display

    @admin.display(boolean=True)
    def suspended(self, key: RestrictedKey) -> bool:
        """Whether support refuses to let it be used."""
        return key.suspended_at is not None

    @admin.action(description="Check now", permissions=["act"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[RestrictedKey]) -> HttpResponse | None:
        """Have the keys checked at once; those whose life has ended cannot be."""
        keys = self._plain(queryset)
        count = services.recheck_for_ops(keys=keys, actor=_staff(request), now=timezone.now())
        messages.info(request, f"{count} of {keys.count()} will be checked now.")
        return self.back(request)

    @admin.action(description="Suspend …", permissions=["act"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[RestrictedKey]) -> HttpResponse | None:
        """Refuse to let the keys be used, after asking."""
        question = self.ask_first(
            request,
            queryset,
            title="Suspend",
            consequence="These keys stay stored and checked, but nothing of ours may call Stripe with them until the"
            " suspension is lifted. Their merchants are told by mail.",
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
        messages.info(request, f"{count} of {len(keys)} {done}.")
        return self.back(request)

    @staticmethod
    def _plain(queryset: QuerySet[RestrictedKey]) -> QuerySet[RestrictedKey]:
        """The same rows without the list's joins, so that they can be locked."""
        return RestrictedKey.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)  # the desk lets nobody else in


@admin.register(StripeInstall)
class StripeInstallPage(ReadOnlyAdmin):
    """Which Stripe account belongs to which merchant."""

    list_display = (
        "stripe_account_id",
        "livemode",
        "merchant",
        "status",
        "proof",
        "installed_at",
        "uninstalled_at",
    )
    list_filter = ("status", "livemode", "proof")
    list_select_related = ("merchant",)
    search_fields = ("stripe_account_id", "merchant__name", "merchant__memberships__user__email")
    date_hierarchy = "installed_at"
    ordering = ("-installed_at",)


class PermissionsOfValidation(admin.TabularInline[PermissionCheck, Validation]):
    """What one check found out about each permission."""

    model = PermissionCheck
    fields = readonly_fields = ("permission", "outcome", "checked_at")
    extra = max_num = 0
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Validation)
class ValidationPage(DueRowPage):
    """Checks of keys: those that wait, those that were made, and the dead."""

    list_display = ("created_at", "key", "merchant", "reason", "state", "verdict", "due_at", "problem")
    list_filter = ("state", "reason", "verdict")
    list_select_related = ("key", "merchant")
    search_fields = _KEY_SEARCH
    date_hierarchy = "created_at"
    inlines = (PermissionsOfValidation,)
    fields = ("key", "merchant", "reason", "requested_by", "verdict", "created_at", *DUE_ROW_FIELDS)


@admin.register(StatusChange)
class StatusChangePage(ReadOnlyAdmin):
    """The history of every key."""

    list_display = ("at", "key", "merchant", "from_status", "to_status", "actor", "reason")
    list_filter = ("to_status", "from_status")
    list_select_related = ("key__merchant",)
    search_fields = (*_KEY_SEARCH, "actor")
    date_hierarchy = "at"

    @admin.display(ordering="key__merchant__name")
    def merchant(self, change: StatusChange) -> Merchant:
        """Whose key it is."""
        return change.key.merchant


@admin.register(KeyUse)
class KeyUsePage(ReadOnlyAdmin):
    """Who opened which key, and why."""

    list_display = ("at", "key", "merchant", "actor", "reason")
    list_select_related = ("key__merchant",)
    search_fields = (*_KEY_SEARCH, "actor")
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(ordering="key__merchant__name")
    def merchant(self, use: KeyUse) -> Merchant:
        """Whose key it is."""
        return use.key.merchant


@admin.register(KeySubmission)
class KeySubmissionPage(ReadOnlyAdmin):
    """Pastes of the last weeks; one key tried for several merchants is somebody testing stolen keys."""

    list_display = ("at", "merchant", "user", "remote_address", "merchants_with_this_key")
    list_select_related = ("merchant", "user")
    search_fields = ("merchant__name", "user__email", "remote_address")
    date_hierarchy = "at"
    ordering = ("-id",)
    fields = ("at", "merchant", "user", "remote_address", "merchants_with_this_key")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the number of merchants that the same key was pasted for."""
        same = (
            KeySubmission.objects.filter(fingerprint=OuterRef("fingerprint")).order_by().values("fingerprint")
        )
        counted = same.annotate(count=Count("merchant", distinct=True)).values("count")
        return cast(QuerySet[Any], super().get_queryset(request).annotate(merchant_count=Subquery(counted)))

    @admin.display(ordering="merchant_count")
    def merchants_with_this_key(self, submission: Any) -> int:
        """For how many merchants the same key was pasted."""
        return int(submission.merchant_count)
