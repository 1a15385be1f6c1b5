"""The list of keys and a key's own page: what is known, what is going on, and what can be done about it."""

from datetime import timedelta
from math import ceil
from typing import Any, cast
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.tenancy import merchant_of, recently_authenticated
from stripe_keys import installs, portrait, sentences, services, uninstalls
from stripe_keys.account_names import listed_accounts, short_account
from stripe_keys.models import KeyManagement, RestrictedKey
from stripe_keys.portrait import key_groups
from stripe_keys.sentences import weather

Status = RestrictedKey.Status
HISTORY_LENGTH = 50


class HttpResponseSeeOther(HttpResponseRedirect):
    """303: done; look there with a GET."""

    status_code = 303


def person_of(request: HttpRequest) -> User:
    """The signed-in user; the sign-in middleware lets nobody else through."""
    return cast(User, request.user)


def key_of(request: HttpRequest, key_id: UUID) -> RestrictedKey:
    """The key of that id if it is the user's merchant's; raises Http404 otherwise."""
    keys: Any = RestrictedKey.objects.visible_to(request.user).select_related(
        "merchant", "added_by", "replaced_by"
    )
    key: RestrictedKey = get_object_or_404(keys, pk=key_id)
    return key


def address_of(request: HttpRequest) -> str | None:
    """The network address that the request came from; behind a local socket nobody has one."""
    try:
        address: str = get_adapter().get_client_ip(request)
    except PermissionDenied:
        return None
    return address


def in_words(wait: timedelta) -> str:
    """A waiting time as people say it, rounded up."""
    seconds = max(1, ceil(wait.total_seconds()))
    if seconds < 100:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = ceil(seconds / 60)
    return f"{minutes} minutes" if minutes < 100 else f"{ceil(minutes / 60)} hours"


@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    """The merchant's keys in both modes, and whatever needs their attention."""
    merchant_of(request)
    now = timezone.now()
    newest = RestrictedKey.objects.visible_to(request.user).select_related("added_by").order_by("-created_at")
    keys = [portrait.as_shown(key, now) for key in newest[: HISTORY_LENGTH + 10]]
    modes = [_mode_section(mode, [key for key in keys if key.mode == mode], now) for mode in ("live", "test")]
    is_being_made = KeyManagement.objects.visible_to(request.user).filter(is_on=True).exists()
    context = {"modes": modes, "has_keys": bool(keys) or is_being_made, "weather": weather.over_all_keys()}
    return render(request, "stripe_keys/key_list.html", context)


def _mode_section(mode: str, keys: list[RestrictedKey], now: Any) -> dict[str, Any]:
    """One mode's part of the list, in groups where keys have different purposes."""
    groups = [
        {**_section(mode, key_groups.keys_of(name, keys), now), **key_groups.facts(name, mode, keys)}
        for name in key_groups.names(keys)
    ]
    return {**_section(mode, keys, now), "groups": groups}


def _section(mode: str, keys: list[RestrictedKey], now: Any) -> dict[str, Any]:
    """Keys in use or on trial first, then those that have ended."""
    current = [key for key in keys if key.is_kept]
    ended = [key for key in keys if key not in current]
    if not current and ended and _stays_in_the_open(ended[0]):
        current, ended = ended[:1], ended[1:]
    return {
        "mode": mode,
        "cards": [_card(key, now, _successor(key, current)) for key in current],
        "ended": [_card(key, now) for key in ended[:HISTORY_LENGTH]],
        "rejected": _rejected_lately(current, ended),
    }


def _rejected_lately(current: list[RestrictedKey], ended: list[RestrictedKey]) -> RestrictedKey | None:
    """The newest paste of a mode, if it was rejected while another key is in use."""
    is_newest = ended and current and ended[0].created_at > max(key.created_at for key in current)
    in_use = any(key.is_usable for key in current)
    return ended[0] if is_newest and in_use and ended[0].status == Status.REJECTED else None


def _stays_in_the_open(key: RestrictedKey) -> bool:
    """Whether this key, the last of its mode, has ended in a way that asks for another."""
    ended_with_the_app = key.last_problem in (uninstalls.LEFT, uninstalls.CAME_BACK)
    return key.status in (Status.EXPIRED, Status.REJECTED) or ended_with_the_app


def _successor(key: RestrictedKey, current: list[RestrictedKey]) -> RestrictedKey | None:
    """The key among those of the same mode that was pasted in place of `key`."""
    pending = (one for one in current if one.status == Status.PENDING and one.purpose == key.purpose)
    return next((one for one in pending if one.pk != key.pk), None) if key.is_expiring else None


def _card(key: RestrictedKey, now: Any, successor: RestrictedKey | None = None) -> dict[str, Any]:
    return {
        "key": key,
        "pill": sentences.pill(key),
        "notice": sentences.needs_attention(key, now, successor),
        "is_anonymous": portrait.is_anonymous(key),
    }


@require_safe
def key_detail(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Everything about one key that may be said, complete without JavaScript."""
    drawn = portrait.draw(key_of(request, key_id), viewer=person_of(request), now=timezone.now())
    return render(request, "stripe_keys/key_detail.html", {"portrait": drawn, "key": drawn.key})


@require_safe
def key_status(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """The part of a key's page that changes. Asked again and again while a check goes on; 204 when there is no news."""
    key = key_of(request, key_id)
    if not getattr(request, "htmx", False):
        return redirect("stripe_keys:key_detail", key_id=key_id)
    drawn = portrait.draw(key, viewer=person_of(request), now=timezone.now())
    if request.GET.get("seen") == drawn.version:
        return HttpResponse(status=204)
    context = {"portrait": drawn, "key": drawn.key, "is_partial": True}
    return render(request, "stripe_keys/_key_status.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def check_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Have the key checked now, unless it was a moment ago."""
    key = key_of(request, key_id)
    if request.method == "POST":
        try:
            services.revalidate(key=key, user=person_of(request), now=timezone.now())
        except services.CheckedJustNow as refusal:
            wait = in_words(refusal.retry_after)
            messages.info(request, f"This key was checked a moment ago. You can check it again in {wait}.")
        except services.NotPossibleNow:
            messages.warning(request, "This key has ended, so there is nothing left to check.")
    return to_key(key)


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def remove_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Ask whether to remove the key, then do it."""
    key = key_of(request, key_id)
    if request.method != "POST":
        if not key.is_kept:
            return to_key(key)
        return render(request, "stripe_keys/remove_key.html", {"key": key})
    try:
        services.remove(key=key, user=person_of(request), now=timezone.now())
    except services.NotPossibleNow:
        messages.info(request, "This key had ended already.")
    else:
        messages.success(request, f"The key {key.display} was removed and erased here.")
    return to_key(key)


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def confirm_account(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Take the merchant's word on whether the key's account is theirs: yes binds it, no removes the key."""
    key = key_of(request, key_id)
    if request.method != "POST":
        if not (key.status == Status.PENDING and key.awaits_account_confirmation):
            return to_key(key)
        return render(request, "stripe_keys/confirm_account.html", {"key": key})
    if request.POST.get("answer") == "no":
        return _disown(request, key)
    if request.POST.get("answer") != "yes":
        return to_key(key)
    try:
        installs.confirm_account(key=key, user=person_of(request), now=timezone.now())
    except installs.InstallRefused as refusal:
        messages.error(request, _why_unconfirmed(key, refusal))
    else:
        messages.success(request, f"{short_account(key.stripe_account_id)} is connected.")
    return to_key(key)


CONFIRM_REFUSALS = {
    "stale": "This question is no longer open. Below you see where the key stands now.",
    "taken": "We could not connect this Stripe account. Write to us if it is yours.",
}


def _why_unconfirmed(key: RestrictedKey, refusal: installs.InstallRefused) -> str:
    if refusal.code != "not_connected":
        return CONFIRM_REFUSALS.get(refusal.code, CONFIRM_REFUSALS["stale"])
    return (
        f"This key is of {short_account(key.stripe_account_id)}, but connected is meanwhile "
        f"{listed_accounts(refusal.accounts)} in {key.mode} mode. Remove this key and copy the one of the connected "
        "account."
    )


def _disown(request: HttpRequest, key: RestrictedKey) -> HttpResponse:
    try:
        services.remove(key=key, user=person_of(request), now=timezone.now())
    except services.NotPossibleNow:
        messages.info(request, CONFIRM_REFUSALS["stale"])
    else:
        messages.success(request, "The key was removed and erased here. Nothing was connected.")
    return to_key(key)


def to_key(key: RestrictedKey) -> HttpResponse:
    """Back to the key's page, with a GET."""
    response = redirect("stripe_keys:key_detail", key_id=key.pk)
    response.status_code = 303
    return response
