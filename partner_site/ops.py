"""The ops desk (Django's admin at /ops/): staff only, with a second factor used within the hour."""

import time
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

if TYPE_CHECKING:
    _AnyModelAdmin = ModelAdmin[Any]
else:
    _AnyModelAdmin = ModelAdmin

SECOND_FACTOR_LASTS_SECONDS = 60 * 60


def has_fresh_second_factor(request: HttpRequest) -> bool:
    """Whether this session proved a second factor, not only a password, within the last hour."""
    from allauth.account.authentication import get_authentication_records  # needs the app registry

    records = get_authentication_records(request, request.user)
    proofs = [record["at"] for record in records if record.get("method") == "mfa"]
    return bool(proofs) and time.time() - max(proofs) < SECOND_FACTOR_LASTS_SECONDS


def has_second_factor(request: HttpRequest) -> bool:
    """Whether the user has set up a second factor at all."""
    from allauth.mfa.utils import is_mfa_enabled  # needs the app registry

    return bool(is_mfa_enabled(request.user))


def is_staff(request: HttpRequest) -> bool:
    """Whether the signed-in user works for the partner and still does."""
    return bool(request.user.is_authenticated and request.user.is_active and request.user.is_staff)


def _with_next(view_name: str, onward: str) -> str:
    """The address of a sign-in step that ends at `onward`."""
    return f"{reverse(view_name)}?{urlencode({REDIRECT_FIELD_NAME: onward})}"


class OpsAdminSite(AdminSite):
    """Django's admin behind allauth's sign-in and a second factor, without the bulk delete."""

    site_header = "Ops desk"
    site_title = "Ops desk"
    index_title = "What the site knows"
    enable_nav_sidebar = False  # the lists are wide

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff who have proven a second factor in this session within the hour."""
        return is_staff(request) and has_second_factor(request) and has_fresh_second_factor(request)

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send the visitor to the step that is missing: sign-in, setting up a second factor, or using it.

        Django's own form is never shown: it knows neither allauth's limits nor a second factor. A signed-in visitor
        who is not staff gets 403.
        """
        onward = self._onward(request)
        if not request.user.is_authenticated:
            return redirect(_with_next("account_login", onward))
        if not is_staff(request):
            raise PermissionDenied
        if not has_second_factor(request):
            messages.warning(request, "The ops desk needs a second factor. Set one up, then come back.")
            return redirect("mfa_activate_totp")
        if not has_fresh_second_factor(request):
            return redirect(_with_next("mfa_reauthenticate", onward))
        return redirect(onward)

    def password_change(  # type: ignore[override]  # a redirect instead of Django's page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leave the change to allauth, which asks who it is first and ends the other sessions."""
        return redirect("account_change_password")

    def _onward(self, request: HttpRequest) -> str:
        """Where the visitor was going, if that is a page of this site; else the ops desk's first page."""
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and not wanted.startswith(
            request.path
        ):
            return wanted
        return reverse("admin:index")


class ReadOnlyAdmin(_AnyModelAdmin):
    """An ops page that shows rows and changes none; what staff may do are actions that call a command.

    Every `admin.py` starts from it. Rows that are promises (history, envelopes, events) cannot be edited by hand, and
    nothing is deleted except by the command that also tells history about it.
    """

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class OpsAdminConfig(AdminConfig):
    """Makes the ops desk the site that `admin.py` modules register with."""

    default_site = "partner_site.ops.OpsAdminSite"
