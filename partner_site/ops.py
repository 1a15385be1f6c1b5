"""The ops desk (Django's admin at /ops/): staff only, with a second factor used within the hour."""

import logging
import time
from collections.abc import Callable
from functools import partial, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, FieldError, PermissionDenied, ValidationError
from django.db import DataError, NotSupportedError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

if TYPE_CHECKING:
    _AnyModelAdmin = ModelAdmin[Any]
else:
    _AnyModelAdmin = ModelAdmin

SECOND_FACTOR_LASTS_SECONDS = 60 * 60
# What Django and PostgreSQL raise for a filter that cannot be read. Not what they raise while the database is away.
_UNREADABLE = (
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    FieldError,
    ValidationError,
    DataError,
    NotSupportedError,
    ProgrammingError,
)

_View = TypeVar("_View", bound=Callable[..., Any])
logger = logging.getLogger(__name__)


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


def _without_nul(view: _View) -> _View:
    """Let `view` see no NUL, which PostgreSQL refuses wherever a question or a form would carry it: 400.

    A view that gives one field of its form to no query may name it in its attribute `takes_nul_in`.
    """
    exempt = getattr(view, "takes_nul_in", None)

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        posted = ([name, *(() if name == exempt else values)] for name, values in request.POST.lists())
        asked = ([name, *values] for name, values in request.GET.lists())
        sent = chain(*asked, *posted)
        if "\0" in request.path or any("\0" in str(each) for each in sent):
            raise BadRequest("NUL in a request to the ops desk")
        return view(request, *args, **kwargs)

    return cast(_View, checked)


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
        return is_staff(request) and has_fresh_second_factor(request) and has_second_factor(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """All lists; put together where they are shown: every page is given them, and most show none."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:
        """Every page of the desk: for those it is open to, and for questions without a NUL."""
        return super().admin_view(_without_nul(view), cacheable)

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


class SteadyAdmin(_AnyModelAdmin):
    """An ops page whose list answers whatever it is asked: with rows, with the way back to all rows, or with 400.

    Django answers so to most filters that cannot be read, but not to those that fail only when PostgreSQL, or the
    template, gets to them. Every `admin.py` starts from it.
    """

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list as it was asked for; Django sends whoever asks for an unreadable one to all rows, with `e=1`."""
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, *_UNREADABLE) as problem:
            _blame_the_question(request, problem)
            raise IncorrectLookupParameters from problem

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, or what an action on the chosen rows comes to; 400 when what is chosen cannot be read."""
        if request.method == "POST":
            self._read_selection(request)
        response = super().changelist_view(request, extra_context)
        if isinstance(response, SimpleTemplateResponse):
            try:
                response.render()  # some filters are first asked by the template
            except _UNREADABLE as problem:
                _blame_the_question(request, problem)
                return redirect(f"{request.path}?{ERROR_FLAG}=1")
        return response

    def _read_selection(self, request: HttpRequest) -> None:
        if any(across not in ("", "0", "1") for across in request.POST.getlist("select_across")):
            raise BadRequest(
                "Whether all rows are chosen is said with 0 or 1"
            )  # Django takes any other word for 1
        for value in request.POST.getlist(ACTION_CHECKBOX_NAME):
            try:
                self.opts.pk.to_python(value)
            except ValidationError as problem:
                raise BadRequest("A chosen row has no id that a row could have") from problem


def _blame_the_question(request: HttpRequest, problem: Exception) -> None:
    """Note that a list failed over its question. A list that asks nothing has failed by itself: raise that again."""
    asked = request.GET.keys() - {ERROR_FLAG}
    if not asked:
        raise problem
    logger.warning("An ops list could not be read: %s", type(problem).__name__)
    if ERROR_FLAG in request.GET:  # Django would take the database for broken
        raise BadRequest("A list of the ops desk was asked for what it cannot read") from problem


class ReadOnlyAdmin(SteadyAdmin):
    """An ops page that shows rows and changes none; what staff may do are actions that call a command.

    Rows that are promises (history, envelopes, events) cannot be edited by hand, and
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
