"""Where people of a closed merchant are led, whatever they ask for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import Merchant

_LEFT_TO_THEM = frozenset({"stripe_keys:erased", "stripe_keys:export"})


class ClosedMerchants:
    """Leads everybody of a closed merchant to what was erased, whatever they ask for behind the sign-in.

    What is left to them is that page, their data to take along, and signing out. Staff go on with their work.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing is decided before the view is known."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: object, kwargs: object
    ) -> HttpResponse | None:
        """Answer instead of `view`, unless it is one of those left."""
        match = request.resolver_match
        if not getattr(view, "login_required", True) or (match and match.view_name in _LEFT_TO_THEM):
            return None
        if request.user.is_staff or not Merchant.objects.closed_for(request.user).exists():
            return None
        return redirect("stripe_keys:erased")
