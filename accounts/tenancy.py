"""Whose request this is, and whether the person behind it has lately proven to be there."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import Membership, Merchant, User

View = Callable[..., HttpResponse]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def merchant_of(request: HttpRequest) -> Merchant:
    """Return the merchant that the signed-in user belongs to; raises Http404 when there is none (or it is closed)."""
    merchant = Merchant.objects.visible_to(request.user).first()
    if merchant is None:
        raise Http404("No merchant belongs to this user.")
    return merchant


def merchant_even_if_closed(request: HttpRequest) -> Merchant:
    """Return the merchant that the signed-in user belongs or belonged to; raises Http404 when there is none."""
    merchant = Merchant.objects.filter(memberships__user=cast(User, request.user)).first()
    if merchant is None:
        raise Http404("No merchant belongs to this user.")
    return merchant


def owns(user: User, merchant: Merchant) -> bool:
    """Whether `user` is an owner of `merchant`."""
    return Membership.objects.filter(user=user, merchant=merchant, role=Membership.Role.OWNER).exists()


def is_recently_authenticated(request: HttpRequest) -> bool:
    """Whether the user signed in, or confirmed who they are, within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    moments = [record["at"] for record in get_authentication_records(request, request.user)]
    return bool(moments) and time.time() - max(moments) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def recently_authenticated(view: View) -> View:
    """Decorator: `view` runs only for a user who has lately proven who they are.

    Otherwise a GET goes to the confirmation page and from there back. A POST is *forgotten* and sent to the same
    address as a GET: allauth's own decorator would keep its body in the session to replay it, and a pasted key must
    never lie there. So a view under this decorator answers GET too.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_recently_authenticated(request):
            return view(request, *args, **kwargs)
        if request.method in _SAFE_METHODS:
            raise ReauthenticationRequired
        messages.warning(request, "Please confirm it is you, then try again. What you sent was not kept.")
        here = request.get_full_path()
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(here)
        return HttpResponseRedirect(here)

    return guarded
