"""What a key is for, and the way to the pages of that; nothing where the partner asks for one key only."""

from typing import Any

from django import template

from stripe_keys import purpose_addresses, purposes
from stripe_keys.models import RestrictedKey

register = template.Library()
register.simple_tag(purpose_addresses.of_connecting, name="connect_address")
register.simple_tag(purpose_addresses.of_pasting, name="paste_address")
register.simple_tag(purpose_addresses.of_managing, name="managed_address")
register.simple_tag(purpose_addresses.of_bringing_another, name="address_of_another")


@register.simple_tag
def purpose_of(key: RestrictedKey) -> str:
    """What `key` is for, as people call it; empty where there is nothing to tell apart."""
    return purposes.told(key.purpose)


@register.inclusion_tag("stripe_keys/_key_purpose.html")
def key_purpose(key: RestrictedKey) -> dict[str, Any]:
    """One of the facts about `key`: what it is for, and whether that is still asked for."""
    is_given_up = not purposes.is_defined(key.purpose)
    return {"label": purpose_of(key), "is_given_up": is_given_up and key.is_kept}
