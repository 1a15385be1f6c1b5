"""The way to a key: to Stripe's install page, back from it, and the page where the key is pasted."""

import logging
from math import ceil
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.services import MerchantIsClosed
from accounts.tenancy import merchant_of, recently_authenticated
from stripe_keys import installs, our_apps, permissions, purpose_addresses, purposes, services
from stripe_keys.account_names import short_account
from stripe_keys.endings import countdown, written
from stripe_keys.forms import PasteKeyForm
from stripe_keys.installs import InstallRefused
from stripe_keys.managed import arrangements
from stripe_keys.managed.arrangements import AppMakesTheKeys
from stripe_keys.models import RestrictedKey
from stripe_keys.pastes.limits import TooManyPastes
from stripe_keys.portrait import mode_page
from stripe_keys.purposes import DEFAULT_PURPOSE
from stripe_keys.views import HttpResponseSeeOther, address_of, in_words, key_of, person_of

log = logging.getLogger(__name__)
# How a way back from Stripe can end without a connection: each has its own words in install_return.html.
OUTCOMES = frozenset({"unstarted", "denied", "state", "signature", "mode", "taken"})
_FULL_ACCESS = frozenset({"secret_key", "organization_key"})
_NOT_STORED = (
    "We could not store this key safely just now. Nothing of it was kept: please paste it again in a minute."
)


@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Say what the key of that purpose may do and why; a POST leads on to Stripe's install page."""
    merchant, livemode = merchant_of(request), mode == "live"
    if request.method == "POST":
        address = installs.install_url(
            merchant=merchant,
            user=person_of(request),
            livemode=livemode,
            now=timezone.now(),
            app=installs.app_wanted(request.POST.get("app", ""), livemode=livemode),
        )
        return HttpResponseSeeOther(address)
    return render(request, "stripe_keys/connect.html", connect_context(mode, purpose))


def connect_context(mode: str, purpose: str = DEFAULT_PURPOSE) -> dict[str, Any]:
    """What the connect page shows, the same to all merchants; `manage.py stripe_app check` holds it to the manifest."""
    return {
        "mode": mode,
        "other_mode": _other(mode),
        "permissions": permissions.required(purpose),
        "prefilled_link": permissions.prefilled_dashboard_link(livemode=mode == "live", purpose=purpose),
        **_purposes(purpose),
    }


@require_safe
def install_return(request: HttpRequest) -> HttpResponse:
    """Take the merchant back from Stripe. Only a signed return with a state of ours binds an account.

    What Stripe put into the address never stays there: every answer to it is a redirect.
    """
    merchant_of(request)
    if "state" in request.GET:
        return _take_return(request)
    if set(request.GET) - {"outcome", "mode"}:
        return _without_connection("unstarted", "")
    outcome, mode = request.GET.get("outcome", ""), request.GET.get("mode", "")
    context = {
        "outcome": outcome if outcome in OUTCOMES else "unstarted",
        "mode": mode if mode in ("live", "test") else "",
        "other_mode": _other(mode),
    }
    return render(request, "stripe_keys/install_return.html", context)


def _take_return(request: HttpRequest) -> HttpResponse:
    state, mode = request.GET["state"], ""
    try:
        started = installs.use_state(state=state, user=person_of(request), now=timezone.now())
        mode = "live" if started.livemode else "test"
        returned = installs.take_return(
            started=started, query=request.GET.dict(), state=state, now=timezone.now()
        )
    except InstallRefused as refusal:
        log.info("install return refused", extra={"code": refusal.code})
        return _without_connection(refusal.code, mode)
    if returned.install is None:
        said = "Stripe says that the app is installed."
    else:
        account = short_account(returned.install.stripe_account_id)
        said = f"Your Stripe account {account} is connected in {mode} mode."
    is_choice = mode_page.may_be_chosen(started.merchant, livemode=started.livemode)
    if returned.app == our_apps.MANAGING:
        left = " One step is left: let the app make the key." if is_choice else ""
        messages.success(request, f"{said}{left}")
        return HttpResponseSeeOther(reverse("stripe_keys:managed_keys", args=[mode]))
    left = "bring its key, or let us make it" if is_choice else "bring its key"
    messages.success(request, f"{said} One step is left: {left}.")
    return HttpResponseSeeOther(reverse("stripe_keys:paste_key", args=[mode]))


def _without_connection(outcome: str, mode: str) -> HttpResponse:
    query = {"outcome": outcome} | ({"mode": mode} if mode else {})
    return HttpResponseSeeOther(f"{reverse('stripe_keys:install_return')}?{urlencode(query)}")


def _purposes(name: str) -> dict[str, Any]:
    """What a page says of purposes: nothing where there is one only. One that was given up can still be replaced."""
    if not purposes.are_several() or not purposes.is_defined(name):
        return {"purpose": None, "purposes": []}
    return {"purpose": purposes.get(name), "purposes": purposes.defined()}


def _other(mode: str) -> str:
    return "test" if mode == "live" else "live"


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def paste_key(request: HttpRequest, mode: str, purpose: str = DEFAULT_PURPOSE) -> HttpResponse:
    """Show where the key of that purpose is found and take it."""
    merchant_of(request)
    return _paste(request, mode, purpose, replaces=None)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def replace_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Take a new key of the same account, mode and purpose; the old one serves until the new one is proven."""
    key = key_of(request, key_id)
    return _paste(request, key.mode, key.purpose, replaces=key)


@sensitive_variables()
def _paste(request: HttpRequest, mode: str, purpose: str, *, replaces: RestrictedKey | None) -> HttpResponse:
    try:
        arrangements.refuse_while_the_app_makes_keys(
            merchant_of(request), livemode=mode == "live", purpose=purpose
        )
        return _take(request, mode, purpose, replaces)
    except AppMakesTheKeys:
        return _no_paste(request, mode, purpose)


@sensitive_variables()
def _take(request: HttpRequest, mode: str, purpose: str, replaces: RestrictedKey | None) -> HttpResponse:
    livemode, place = mode == "live", (mode, purpose, replaces)
    if request.method != "POST":
        return _paste_page(request, PasteKeyForm(livemode=livemode), place)
    form = PasteKeyForm(request.POST, livemode=livemode)
    if not form.is_valid():
        _note_refusal(request, form)
        return _paste_page(request, form, place, status=422)
    try:
        added = services.add_key(
            merchant=merchant_of(request),
            user=person_of(request),
            secret=form.secret,
            now=timezone.now(),
            remote_address=address_of(request),
            purpose=purpose,
        )
    except MerchantIsClosed:
        messages.warning(
            request, "This account was closed a moment ago. The key that you pasted was not stored."
        )
        return HttpResponseSeeOther(reverse("stripe_keys:erased"))
    except TooManyPastes as refusal:
        form.add_error("key", _too_many(refusal))
        response = _paste_page(request, form, place, status=429)
        response["Retry-After"] = str(ceil(refusal.retry_after.total_seconds()))
        return response
    except services.CannotStoreNow:
        form.add_error("key", _NOT_STORED)
        response = _paste_page(request, form, place, status=503)
        response["Retry-After"] = "60"
        return response
    except purposes.ServesAnother as refusal:
        form.add_error("key", _serves_another(refusal))
        return _paste_page(request, form, place, status=422)
    _say_what_was_done(request, added, form)
    return HttpResponseSeeOther(reverse("stripe_keys:key_detail", args=[added.key.pk]))


def _say_what_was_done(request: HttpRequest, added: services.Added, form: PasteKeyForm) -> None:
    if added.stored_afresh:
        messages.success(
            request, "The key is stored afresh and is being checked now. Nothing else is needed."
        )
    elif added.already_saved:
        messages.info(request, "You had saved this key already; here it is. Nothing was changed.")
    elif form.cleaned_note:
        messages.info(request, form.cleaned_note)


def _no_paste(request: HttpRequest, mode: str, purpose: str) -> HttpResponse:
    """The app makes the keys of this mode: lead to where that is changed. What was pasted is dropped."""
    if request.method == "POST":
        messages.warning(
            request,
            "The app makes this key. The key that you pasted was not stored; nothing was changed.",
        )
        return HttpResponseSeeOther(purpose_addresses.of_managing("managed_keys", mode, purpose))
    context = {"purpose_name": purpose, "purpose_label": purposes.told(purpose)}
    context |= {"mode": mode, "other_mode": _other(mode)}
    return render(request, "stripe_keys/paste_managed.html", context)


def _too_many(refusal: TooManyPastes) -> str:
    return (
        f"Too many keys were pasted lately, so we take a break. You can try again in {in_words(refusal.retry_after)}. "
        "Keys that are saved go on working."
    )


def _serves_another(refusal: purposes.ServesAnother) -> str:
    return (
        f"You have brought this key for another purpose already: {purposes.label_of(refusal.purpose)}. Use one key "
        "per purpose: make another one in Stripe and paste that."
    )


def _note_refusal(request: HttpRequest, form: PasteKeyForm) -> None:
    """Ops should know that somebody holds a key with all rights in their hands; what it was is not kept."""
    if form.refusal in _FULL_ACCESS:
        merchant = merchant_of(request)
        log.warning(
            "a full-access key was pasted", extra={"kind": form.refusal, "merchant": str(merchant.pk)}
        )


def _end_of(replaces: RestrictedKey | None) -> dict[str, str]:
    """When the key that is to be replaced ends, in words; empty where that is not known."""
    end = replaces.expires_at if replaces is not None else None
    if end is None:
        return {}
    if end <= timezone.now():
        return {"replaces_ended_at": written(end)}
    return {"replaces_ends": countdown(end, timezone.now()), "replaces_ends_at": written(end)}


def _paste_page(
    request: HttpRequest,
    form: PasteKeyForm,
    place: tuple[str, str, RestrictedKey | None],
    *,
    status: int = 200,
) -> HttpResponse:
    mode, purpose, replaces = place
    told = _purposes(purpose)
    context: dict[str, Any] = {
        "form": form,
        "mode": mode,
        "other_mode": _other(mode),
        "replaces": replaces,
        **_end_of(replaces),
        "app_settings_url": our_apps.settings_url(livemode=mode == "live"),
        **told,
    }
    if told["purpose"] is not None and not told["purpose"].is_default:
        link = permissions.prefilled_dashboard_link(livemode=mode == "live", purpose=purpose)
        context["prefilled_link"] = link
    return render(request, "stripe_keys/paste_key.html", context, status=status)
