"""Closing a merchant's account: everything that could open a key is erased at once, and everybody there is told."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Merchant, User
from accounts.notices import tell
from accounts.services import locked_while_open
from accounts.tenancy import owns
from stripe_keys import permissions
from stripe_keys.erasing import erasures
from stripe_keys.lifecycle import actor_name
from stripe_keys.models import InstallState, RestrictedKey, Retirement

REASON = "The account was closed."


class NotTheOwner(Exception):
    """Only an owner closes the account: let one do it."""


@dataclass(frozen=True)
class KeysInStripe:
    """Stripe's own page of keys in one mode, for the keys that are erased here and still work there."""

    mode: str
    address: str


@transaction.atomic
def close_merchant(*, merchant: Merchant, user: User, now: datetime) -> int:
    """Close the account of `merchant` for good, all or nothing; returns how many keys were in use or on trial.

    Every kept key is removed and erased, the data keys are deleted, installs end, and so do the ways to Stripe that
    somebody has begun. Keys that the app made are ended at Stripe by workers. What happened stays; everybody of the
    merchant gets a mail that proves it.

    Raises:
        NotTheOwner: `user` does not own the merchant.
        MerchantIsClosed: it is closed already.
    """
    merchant = locked_while_open(merchant)
    if not owns(user, merchant):
        raise NotTheOwner
    erased = list(RestrictedKey.objects.kept().filter(merchant=merchant).order_by("-livemode", "-created_at"))
    erasures.erase_merchant(merchant=merchant, actor=actor_name(user), reason=REASON, now=now)
    InstallState.objects.filter(merchant=merchant).delete()
    _tell(merchant, erased, user, now)
    return len(erased)


def keys_in_stripe(keys: list[RestrictedKey]) -> list[KeysInStripe]:
    """Where the keys among `keys` are ended at Stripe, live mode first; the app's own only until they are."""
    made_by_app = [key.pk for key in keys if key.is_app_managed]
    seen = Retirement.objects.filter(key__in=made_by_app, refused_at__isnull=False)
    ended = set(seen.values_list("key", flat=True)) if made_by_app else set()
    modes = sorted({key.livemode for key in keys if key.pk not in ended}, reverse=True)
    return [
        KeysInStripe("live" if livemode else "test", permissions.edit_key_link("", livemode=livemode))
        for livemode in modes
    ]


def _tell(merchant: Merchant, erased: list[RestrictedKey], user: User, now: datetime) -> None:
    context = {
        "merchant": merchant,
        "keys": erased,
        "made_by_app": [key for key in erased if key.is_app_managed],
        "pasted": [key for key in erased if not key.is_app_managed],
        "keys_in_stripe": keys_in_stripe(erased),
        "closed_by": user.email,
        "closed_at": now,
        "backup_days": settings.BACKUP_LIFETIME_DAYS,
        "site_name": settings.SITE_NAME,
        "proof_url": settings.SITE_URL + reverse("stripe_keys:erased"),
    }
    tell(
        merchant=merchant,
        subject=render_to_string("stripe_keys/mail/closed_subject.txt", context),
        body=render_to_string("stripe_keys/mail/closed.txt", context),
        dedupe_key=f"closed:{merchant.pk}",
    )
