"""What merchants see of erasing: closing the account, the proof of what was erased, and their data to take along."""

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Merchant, User
from accounts.services import MerchantIsClosed
from accounts.tenancy import merchant_even_if_closed, merchant_of, owns, recently_authenticated
from stripe_keys import export
from stripe_keys.erasing import closing
from stripe_keys.models import RestrictedKey
from stripe_keys.portrait import erased
from stripe_keys.views import HttpResponseSeeOther, person_of

KEYS_PER_PAGE = 50
_WRONG_NAME = "This is not the name. Type it as it stands above."


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest) -> HttpResponse:
    """Say what closing the account does and ask for the merchant's name; with it, close. Owners only."""
    merchant = merchant_of(request)
    if not owns(person_of(request), merchant):
        return _ask_the_owner(request, merchant)
    return _close(request, merchant)


def _ask_the_owner(request: HttpRequest, merchant: Merchant) -> HttpResponse:
    owners = User.objects.filter(
        membership__merchant=merchant, membership__role="owner", is_active=True
    ).order_by("membership__pk")
    return render(request, "stripe_keys/close_refused.html", {"owners": owners}, status=403)


@recently_authenticated
def _close(request: HttpRequest, merchant: Merchant) -> HttpResponse:
    if request.method != "POST":
        return _close_page(request, merchant)
    if _as_typed(request.POST.get("name", "")) != _as_typed(merchant.name):
        return _close_page(request, merchant, error=_WRONG_NAME, status=422)
    try:
        closing.close_merchant(merchant=merchant, user=person_of(request), now=timezone.now())
    except MerchantIsClosed:
        messages.info(request, "The account had been closed already.")
    except closing.NotTheOwner:
        return _ask_the_owner(request, merchant)
    return HttpResponseSeeOther(reverse("stripe_keys:erased"))


def _as_typed(name: str) -> str:
    """A name as people type it again: without capitals, hidden characters and double spaces."""
    visible = "".join(
        character
        for character in unicodedata.normalize("NFKC", name)
        if unicodedata.category(character) != "Cf"
    )
    return " ".join(visible.casefold().split())


def _close_page(
    request: HttpRequest, merchant: Merchant, *, error: str = "", status: int = 200
) -> HttpResponse:
    kept = RestrictedKey.objects.kept().filter(merchant=merchant).order_by("-livemode", "-created_at")
    context = {
        "keys": list(kept),
        "made_by_app": any(key.is_app_managed for key in kept),
        "error": error,
        "backup_days": settings.BACKUP_LIFETIME_DAYS,
    }
    return render(request, "stripe_keys/close.html", context, status=status)


@require_safe
def show_erased(request: HttpRequest) -> HttpResponse:
    """What was erased of this merchant and when, what is kept and why; all that a closed merchant still sees."""
    merchant, now = merchant_even_if_closed(request), timezone.now()
    page = Paginator(erased.ended_keys(merchant), KEYS_PER_PAGE).get_page(request.GET.get("page"))
    proofs = erased.proofs(page.object_list, now)
    context: dict[str, Any] = {
        "whose": merchant,
        "page": page,
        "proofs": proofs,
        "closing": erased.closing_in_ledger(merchant) if merchant.closed_at else None,
        "keys_in_stripe": closing.keys_in_stripe([one.key for one in proofs if one.may_live]),
        "backup_days": settings.BACKUP_LIFETIME_DAYS,
    }
    return render(request, "stripe_keys/erased.html", context)


@require_safe
def export_timeline(request: HttpRequest) -> StreamingHttpResponse:
    """Everything we know of the merchant and may tell, as a JSON file; closed merchants take theirs along too."""
    merchant, now = merchant_even_if_closed(request), timezone.now()
    pieces = export.pieces(merchant=merchant, now=now) if request.method == "GET" else iter(())
    answer = StreamingHttpResponse(pieces, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="stripe-keys-{now:%Y-%m-%d}.json"'
    return answer
