"""How the keys of a mode come: made and renewed by the app, or brought by the merchant; each switch is a screen."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Merchant
from accounts.services import MerchantIsClosed
from accounts.tenancy import merchant_of, recently_authenticated
from stripe_keys import permissions, purpose_addresses, purposes
from stripe_keys.managed import arrangements
from stripe_keys.portrait import mode_page
from stripe_keys.portrait.mode_page import ManagedPortrait
from stripe_keys.purposes import DEFAULT_PURPOSE
from stripe_keys.views import HttpResponseSeeOther, in_words, person_of

_CLOSED = "This account was closed a moment ago, so nothing was changed."


@require_safe
def managed_keys(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Who brings the keys of this mode, what is going on, and what can be chosen."""
    return render(request, "stripe_keys/managed_keys.html", _context(request, mode, purpose))


@require_safe
def managed_status(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """The part of the page that changes. Asked again and again while a key is made; 204 when there is no news."""
    context = _context(request, mode, purpose)
    if not getattr(request, "htmx", False):
        return redirect(purpose_addresses.of_managing("managed_keys", mode, purpose))
    if request.GET.get("seen") == context["portrait"].version:
        return HttpResponse(status=204)
    return render(request, "stripe_keys/_managed_status.html", {**context, "is_partial": True})


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def managed_on(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Say what it means that the app makes the keys, and what happens to the present one; then have it so."""
    context = _context(request, mode, purpose)
    if request.method != "POST":
        portrait: ManagedPortrait = context["portrait"]
        if portrait.is_on or not portrait.is_offered:
            return _to_page(mode, purpose)
        return render(request, "stripe_keys/managed_on.html", context)
    if context["portrait"].is_on:  # a stale tab, or the button pressed twice: no other key is made for that
        said = f"The app makes and renews the {_keys(mode, purpose)} already. Nothing was changed."
        messages.info(request, said)
        return _to_page(mode, purpose)
    try:
        arrangements.let_app_manage(
            merchant=context["merchant"],
            user=person_of(request),
            livemode=mode == "live",
            now=timezone.now(),
            purpose=purpose,
        )
    except arrangements.NotOffered:
        messages.warning(request, _why_not(context["portrait"]))
    except MerchantIsClosed:
        return _closed(request)
    except arrangements.AskedTooOften as refusal:
        _say_too_often(request, refusal)
    else:
        messages.success(request, f"The app makes and renews the {_keys(mode, purpose)} from now on.")
    return _to_page(mode, purpose)


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def managed_off(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Say what it means to bring the keys oneself, and what happens to the present one; then have it so."""
    context = _context(request, mode, purpose)
    if request.method != "POST":
        if not context["portrait"].is_on:
            return _to_page(mode, purpose)
        return render(request, "stripe_keys/managed_off.html", context)
    try:
        arrangements.bring_own_keys(
            merchant=context["merchant"],
            user=person_of(request),
            livemode=mode == "live",
            now=timezone.now(),
            purpose=purpose,
        )
    except arrangements.NotPossibleNow:
        messages.info(request, "You bring the keys yourself already.")
        return _to_page(mode, purpose)
    except MerchantIsClosed:
        return _closed(request)
    said = f"You bring the {_keys(mode, purpose)} yourself from now on. Paste one when you have it."
    messages.success(request, said)
    return _to_page(mode, purpose)


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def managed_renew(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Ask whether to make a new key now, then have it made."""
    context = _context(request, mode, purpose)
    if not (context["portrait"].is_on and context["portrait"].is_offered):
        return _to_page(mode, purpose)
    if request.method != "POST":
        return render(request, "stripe_keys/managed_renew.html", context)
    management = arrangements.management_of(context["merchant"], livemode=mode == "live", purpose=purpose)
    try:
        if management is not None:
            arrangements.renew(management=management, user=person_of(request), now=timezone.now())
    except arrangements.NotPossibleNow:
        messages.info(request, "A key is being made already; here you see how far it is.")
    except arrangements.AskedTooOften as refusal:
        _say_too_often(request, refusal)
    return _to_page(mode, purpose)


def _context(request: HttpRequest, mode: str, purpose: str) -> dict[str, Any]:
    """What every page here needs; raises Http404 where the app's keys are not offered and never were chosen."""
    merchant: Merchant = merchant_of(request)
    livemode = mode == "live"
    if not mode_page.is_shown(merchant, livemode=livemode, purpose=purpose):
        raise Http404("Managed keys are not offered in this mode.")
    portrait = mode_page.draw(merchant, livemode=livemode, now=timezone.now(), purpose=purpose)
    in_stripe = permissions.edit_key_link("", livemode=livemode)
    return {
        "merchant": merchant,
        "mode": mode,
        "purpose_name": purpose,
        "purpose_label": purposes.told(purpose),
        "portrait": portrait,
        "keys_in_stripe": in_stripe,
    }


def _keys(mode: str, purpose: str) -> str:
    """Which keys are spoken of; the purpose is named where there are several."""
    label = purposes.told(purpose)
    return f"{mode} keys for {label}" if label else f"{mode} keys"


def _why_not(portrait: ManagedPortrait) -> str:
    if not portrait.is_offered:
        return f"This is not offered in {portrait.mode} mode any more. Nothing was changed."
    return f"Connect your Stripe account in {portrait.mode} mode first, on Stripe’s own page."


def _to_page(mode: str, purpose: str) -> HttpResponse:
    return HttpResponseSeeOther(purpose_addresses.of_managing("managed_keys", mode, purpose))


def _say_too_often(request: HttpRequest, refusal: arrangements.AskedTooOften) -> None:
    wait = in_words(refusal.retry_after)
    messages.warning(
        request, f"Many new keys were asked for within an hour. You can ask for the next one in {wait}."
    )


def _closed(request: HttpRequest) -> HttpResponse:
    messages.warning(request, _CLOSED)
    return HttpResponseSeeOther(reverse("stripe_keys:erased"))
