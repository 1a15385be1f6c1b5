"""What belongs to keys, in the ops desk: installs, checks, history, uses and pastes."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from accounts.models import Merchant
from stripe_keys.models import (
    AppOnAccount,
    KeySubmission,
    KeyUse,
    PermissionCheck,
    StatusChange,
    StripeInstall,
    Validation,
)
from work.admin import DUE_ROW_FIELDS, DueRowPage, ModeFilter, OpsPage, mode, short

_KEY_SEARCH = ("key__stripe_key_id", "key__last4", "key__stripe_account_id", "key__merchant__name")


class AppsOfInstall(admin.StackedInline[AppOnAccount, StripeInstall]):
    """What Stripe said last of each of our apps on the account."""

    model = AppOnAccount
    verbose_name_plural = "What Stripe says of our apps there"
    fields = readonly_fields = (
        "app",
        "status",
        "stripe_install_id",
        "granted",
        "pending",
        "approval_required",
        "checked_at",
        "installed_at",
        "left_at",
    )
    extra = max_num = 0
    can_delete = False

    @admin.display(description="Permissions granted")
    def granted(self, told: AppOnAccount) -> str:
        """By Stripe's names."""
        return ", ".join(told.permissions_granted)

    @admin.display(description="Permissions that wait for the merchant's approval")
    def pending(self, told: AppOnAccount) -> str:
        """By Stripe's names."""
        return ", ".join(told.permissions_pending)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class WaitsForApproval(admin.SimpleListFilter):
    """Installs whose merchant has yet to approve what the app asks for."""

    title = "approval in Stripe"
    parameter_name = "approval"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice."""
        return [("waits", "Waits for the merchant")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The installs of that choice."""
        if self.value() != "waits":
            return queryset
        asked = AppOnAccount.objects.filter(left_at__isnull=True)
        asked = asked.filter(Q(approval_required=True) | ~Q(permissions_pending=[]))
        return queryset.filter(status=StripeInstall.Status.INSTALLED, pk__in=asked.values("install"))


@admin.register(StripeInstall)
class StripeInstallPage(OpsPage):
    """Which Stripe account belongs to which merchant."""

    list_display = ("stripe_account_id", "which_mode", "merchant", "status", "proof", "installed", "approval")
    list_filter = ("status", ModeFilter, WaitsForApproval, "proof")
    inlines = (AppsOfInstall,)
    list_select_related = ("merchant",)
    search_fields = ("stripe_account_id", "merchant__name", "merchant__memberships__user__email")
    date_hierarchy = "installed_at"
    ordering = ("-installed_at",)
    fields = (
        "stripe_account_id",
        "which_mode",
        "merchant",
        "status",
        "proof",
        "installed_at",
        "uninstalled_at",
    )

    @admin.display(description="Mode", ordering="livemode")
    def which_mode(self, install: StripeInstall) -> str:
        """Live or test."""
        return mode(install.livemode)

    @admin.display(description="Installed (UTC)", ordering="installed_at")
    def installed(self, install: StripeInstall) -> str:
        """Since when."""
        return short(install.installed_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StripeInstall]:
        """With what Stripe said of our apps there."""
        return super().get_queryset(request).prefetch_related("apps")

    @admin.display(description="Approval")
    def approval(self, install: StripeInstall) -> str:
        """Whether the merchant has yet to approve something in Stripe."""
        waits = any(told.waits_for_approval for told in install.apps.all())
        return "Waits for the merchant" if waits and install.status == install.Status.INSTALLED else ""


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

    list_display = ("asked", "key", "merchant", "reason", "state", "verdict", "problem")
    list_filter = ("state", "reason")
    list_select_related = ("key", "merchant")
    search_fields = _KEY_SEARCH
    date_hierarchy = "created_at"
    inlines = (PermissionsOfValidation,)
    fields = ("key", "merchant", "reason", "requested_by", "verdict", "created_at", *DUE_ROW_FIELDS)

    @admin.display(description="Asked for (UTC)", ordering="id")
    def asked(self, validation: Validation) -> str:
        """When it was asked for."""
        return short(validation.created_at)


@admin.register(StatusChange)
class StatusChangePage(OpsPage):
    """The history of every key."""

    list_display = ("when", "key", "merchant", "__str__", "actor", "reason")
    list_filter = ("to_status",)
    list_select_related = ("key__merchant",)
    search_fields = (*_KEY_SEARCH, "actor")
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(description="When (UTC)", ordering="at")
    def when(self, change: StatusChange) -> str:
        """The moment."""
        return short(change.at)

    @admin.display(ordering="key__merchant__name")
    def merchant(self, change: StatusChange) -> Merchant:
        """Whose key it is."""
        return change.key.merchant


@admin.register(KeyUse)
class KeyUsePage(OpsPage):
    """Who opened which key, and why."""

    list_display = ("when", "key", "merchant", "actor", "reason")
    list_select_related = ("key__merchant",)
    search_fields = (*_KEY_SEARCH, "actor")
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(description="When (UTC)", ordering="at")
    def when(self, use: KeyUse) -> str:
        """The moment."""
        return short(use.at)

    @admin.display(ordering="key__merchant__name")
    def merchant(self, use: KeyUse) -> Merchant:
        """Whose key it is."""
        return use.key.merchant


@admin.register(KeySubmission)
class KeySubmissionPage(OpsPage):
    """Pastes and named accounts of the last weeks; one key tried for several merchants is a thief testing keys."""

    list_display = ("when", "kind", "merchant", "user", "remote_address", "merchants_with_this_key")
    list_select_related = ("merchant", "user")
    search_fields = ("merchant__name", "user__email", "remote_address")
    date_hierarchy = "at"
    ordering = ("-id",)
    fields = ("at", "kind", "merchant", "user", "remote_address", "merchants_with_this_key")

    @admin.display(description="When (UTC)", ordering="at")
    def when(self, submission: KeySubmission) -> str:
        """The moment."""
        return short(submission.at)

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
