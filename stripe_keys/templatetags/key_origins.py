"""Who brings a key, among the facts about it, and the offer that the app may do so; nothing where it is not made."""

from typing import Any

from django import template
from django.http import HttpRequest

from accounts.models import Merchant
from stripe_keys import approvals, purposes
from stripe_keys.managed import arrangements
from stripe_keys.models import RestrictedKey
from stripe_keys.portrait import mode_page
from stripe_keys.purposes import DEFAULT_PURPOSE
from stripe_keys.sentences import managed_keys

register = template.Library()


@register.inclusion_tag("stripe_keys/_key_origin.html", takes_context=True)
def key_origin(context: dict[str, Any], key: RestrictedKey) -> dict[str, Any]:
    """One of the facts about `key`: made by the app, or pasted, and whether by the one who looks."""
    request: HttpRequest | None = context.get("request")
    is_told = key.is_app_managed or arrangements.is_offered(livemode=key.livemode)
    is_mine = request is not None and key.added_by_id == request.user.pk
    return {"key": key, "is_told": is_told, "is_mine": is_mine}


@register.simple_tag
def is_renewed(key: RestrictedKey) -> bool:
    """Whether the app made `key` and makes the ones that follow it."""
    return key.is_app_managed and managed_keys.is_renewed(key)


@register.inclusion_tag("stripe_keys/_managed_offer.html", takes_context=True)
def managed_offer(context: dict[str, Any], mode: str, purpose: str = "") -> dict[str, Any]:
    """A card that offers to have the app make the keys of `mode`, where it may and does not yet.

    Of two apps the one that makes keys has to be installed first: the connect page leads there.
    """
    name = purpose or DEFAULT_PURPOSE
    is_shown = bool(mode) and _is_choice(_merchant(context), mode, name)
    return {"mode": mode, "is_shown": is_shown, "purpose_name": name}


def _is_choice(merchant: Merchant | None, mode: str, purpose: str) -> bool:
    livemode = mode == "live"
    return (
        merchant is not None
        and mode_page.may_be_chosen(merchant, livemode=livemode, purpose=purpose)
        and not approvals.is_second_app_wanted(merchant, livemode=livemode)
    )


@register.inclusion_tag("stripe_keys/_managed_link.html", takes_context=True)
def managed_link(context: dict[str, Any], mode: str, purpose: str = "") -> dict[str, Any]:
    """In the list of keys: the way to a new key of `mode`, by the app or by pasting."""
    return _how_keys_come(context, mode, purpose or DEFAULT_PURPOSE)


@register.inclusion_tag("stripe_keys/_no_key_in_use.html", takes_context=True)
def no_key_in_use(context: dict[str, Any], mode: str, purpose: str = "") -> dict[str, Any]:
    """In the list of keys, where there is none of `mode`: how to have one, or that the app makes it."""
    return _how_keys_come(context, mode, purpose or DEFAULT_PURPOSE)


def _how_keys_come(context: dict[str, Any], mode: str, purpose: str) -> dict[str, Any]:
    merchant, livemode = _merchant(context), mode == "live"
    management = (
        arrangements.management_of(merchant, livemode=livemode, purpose=purpose) if merchant else None
    )
    return {
        "mode": mode,
        "purpose_name": purpose,
        "purpose_label": purposes.told(purpose),
        "is_on": management is not None and management.is_on,
        "is_shown": _is_choice(merchant, mode, purpose),
    }


def _merchant(context: dict[str, Any]) -> Merchant | None:
    request: HttpRequest | None = context.get("request")
    if request is None or not request.user.is_authenticated:
        return None
    return Merchant.objects.visible_to(request.user).first()
