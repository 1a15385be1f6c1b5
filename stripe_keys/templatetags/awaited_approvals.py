"""What pages say of our apps on a merchant's account: permissions that wait for approval, and the second app."""

from typing import Any

from django import template

from accounts.models import Merchant
from stripe_keys import approvals, installs
from stripe_keys.models import RestrictedKey

register = template.Library()


@register.inclusion_tag("stripe_keys/_awaited_approvals.html", takes_context=True)
def awaited_approvals(context: dict[str, Any], mode: str, level: str = "h3") -> dict[str, Any]:
    """What waits in that mode for the merchant whose page this is."""
    merchant: Merchant | None = context.get("merchant")
    found = approvals.awaited(merchant, livemode=mode == "live") if merchant else []
    return {"approvals": found, "site_name": context.get("site_name"), "level": level}


@register.inclusion_tag("stripe_keys/_awaited_approvals.html", takes_context=True)
def awaited_approvals_for(context: dict[str, Any], key: RestrictedKey) -> dict[str, Any]:
    """What waits on the account of `key`."""
    found = approvals.awaited_for(key)
    return {"approvals": found, "site_name": context.get("site_name"), "level": "h2"}


@register.inclusion_tag("stripe_keys/_second_app.html", takes_context=True)
def second_app(context: dict[str, Any], mode: str) -> dict[str, Any]:
    """The way to Stripe's install page for the app that makes keys, where that is another one and not there yet."""
    merchant: Merchant | None = context.get("merchant")
    livemode = mode == "live"
    if not merchant:
        is_wanted = installs.is_second_app_offered(livemode=livemode)
    else:
        is_wanted = approvals.is_second_app_wanted(merchant, livemode=livemode)
    return {"is_offered": is_wanted, "csrf_token": context.get("csrf_token")}
