"""Users, merchants and notices in the ops desk: to look at; what may change here is little."""

from typing import Any

import allauth.account.admin  # registers pages of its own, which are replaced below
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Membership, Merchant, Notice, User
from partner_site.ops import SteadyAdmin
from work.engine import revive

for _model in (EmailAddress, Authenticator, UserSession, Group):
    # They offer session keys, second factors and "mark as verified", which would let staff become somebody else.
    admin.site.unregister(_model)


class LookOnly:
    """Mixed into an admin page (before its class): nothing is added, changed or deleted there."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class MembershipInline(LookOnly, admin.TabularInline[Membership, Any]):
    """Who belongs to a merchant."""

    model = Membership
    fields = ("user", "role", "created_at")
    readonly_fields = fields
    extra = 0


@admin.register(Merchant)
class MerchantAdmin(LookOnly, SteadyAdmin):
    """Merchants; only the name can be corrected."""

    list_display = ("name", "created_at", "closed_at", "id")
    list_filter = ("created_at", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "memberships__user__email", "=id")
    search_help_text = "Name, a member's address, or the whole id"
    fields = ("id", "name", "created_at", "closed_at")
    readonly_fields = ("id", "created_at", "closed_at")
    inlines = (MembershipInline,)


@admin.register(User)
class UserAdmin(LookOnly, SteadyAdmin):
    """Users; a superuser may keep one from signing in. Staff are made by the command `add_staff`."""

    list_display = ("email", "merchant", "is_active", "is_staff", "last_login")
    list_filter = ("is_staff", "is_active")
    list_select_related = ("membership__merchant",)
    search_fields = ("email", "membership__merchant__name")
    ordering = ("email",)
    fields = (
        "email",
        "merchant",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "date_joined",
        "last_login",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Everything; for a superuser all but `is_active`."""
        kept = {"is_active"} if request.user.is_superuser else set()
        return tuple(name for name in self.fields or () if name not in kept)

    @admin.display(ordering="membership__merchant__name")
    def merchant(self, user: User) -> str:
        """The merchant this user belongs to."""
        membership = getattr(user, "membership", None)
        return str(membership.merchant) if membership else "-"


@admin.register(Notice)
class NoticeAdmin(LookOnly, SteadyAdmin):
    """What merchants were told, and whether the mail server took it."""

    list_display = ("created_at", "merchant", "subject", "state", "attempts", "problem")
    list_filter = ("state", "created_at")
    list_select_related = ("merchant",)
    search_fields = ("subject", "merchant__name", "dedupe_key")
    ordering = ("-created_at",)
    actions = ("send_again",)
    fields = (
        "merchant",
        "subject",
        "body",
        "state",
        "due_at",
        "attempts",
        "problem",
        "finished_at",
        "created_at",
        "dedupe_key",
    )
    readonly_fields = fields

    @admin.action(description="Send again (dead notices only)", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        """Let dead notices be tried from the beginning."""
        revived = sum(revive(notice) for notice in queryset)
        messages.success(request, f"{revived} of {len(queryset)} will be sent again.")
