"""The line on every page of a merchant while a key of theirs is ending, unreadable, or gone without another."""

from datetime import timedelta
from typing import Any

from django import template
from django.db.models import Exists, F, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone

from stripe_keys import endings, sentences
from stripe_keys.models import RestrictedKey

register = template.Library()
Status = RestrictedKey.Status
REMINDED_FOR = timedelta(days=30)
_LOOKED_AT = 4
_SAY_IT_THEMSELVES = frozenset({"key_list", "key_detail", "key_status", "replace_key", "paste_key"})


@register.inclusion_tag("stripe_keys/_key_banner.html", takes_context=True)
def key_banner(context: dict[str, Any]) -> dict[str, Any]:
    """The key that needs its owner most, found with one query; nothing on the pages that say so in full."""
    request: HttpRequest | None = context.get("request")
    if request is None or not request.user.is_authenticated or _says_it_itself(request):
        return {"key": None}
    now = timezone.now()
    for key in _ending_keys(request.user, now)[:_LOOKED_AT]:
        notice = sentences.needs_attention(key, now)
        if notice is not None:  # of one that the app renews in time there is nothing to say
            return {"key": key, "notice": notice}
    return {"key": None}


def _says_it_itself(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.app_name == "stripe_keys" and match.url_name in _SAY_IT_THEMSELVES


def _ending_keys(user: Any, now: Any) -> Any:
    newer = RestrictedKey.objects.kept().filter(
        merchant=OuterRef("merchant"), livemode=OuterRef("livemode"), purpose=OuterRef("purpose")
    )
    announced = Q(rotated_at__isnull=False) | Q(expires_at__isnull=False)
    ending = Q(status__in=RestrictedKey.USABLE) & announced & ~Exists(endings.successors_on_their_way())
    dead = Q(status=Status.EXPIRED, last_checked_at__gt=now - REMINDED_FOR) & ~Exists(newer)
    unreadable = Q(status__in=RestrictedKey.KEPT, quarantined_at__isnull=False)
    keys = RestrictedKey.objects.visible_to(user).filter(unreadable | ending | dead)
    return keys.order_by("-livemode", F("quarantined_at").desc(nulls_last=True), "-created_at")
