"""When a key ends, among the facts about it: counted as its title counts."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from stripe_keys.endings import countdown
from stripe_keys.models import RestrictedKey

register = template.Library()


@register.inclusion_tag("stripe_keys/_key_end.html")
def key_end(key: RestrictedKey) -> dict[str, Any]:
    """One of the facts: the end that Stripe has announced, how long that is from now, or that it has passed."""
    end: datetime | None = key.expires_at if key.is_expiring else None
    now = timezone.now()
    is_past = end is not None and end <= now
    return {"end": end, "is_past": is_past, "countdown": countdown(end, now) if end else ""}
