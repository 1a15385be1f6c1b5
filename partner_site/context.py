"""What every template may ask for without its view saying so."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Merchant


def site(request: HttpRequest) -> dict[str, Any]:
    """`site_name`, `site_url` and `merchant`, `closed_merchant` (looked up only when a template uses them).

    Either is None for staff and strangers; somebody whose merchant is closed has the second.
    """
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "merchant": SimpleLazyObject(lambda: _merchant(request)),
        "closed_merchant": SimpleLazyObject(lambda: _closed_merchant(request)),
    }


def _merchant(request: HttpRequest) -> Merchant | None:
    user = getattr(request, "user", None)
    return Merchant.objects.visible_to(user).first() if user is not None else None


def _closed_merchant(request: HttpRequest) -> Merchant | None:
    user = getattr(request, "user", None)
    return None if user is None or user.is_staff else Merchant.objects.closed_for(user).first()
