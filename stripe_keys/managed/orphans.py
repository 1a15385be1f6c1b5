"""Keys that were made for us at Stripe and are known to nobody here: found in Stripe's lists, and ended.

A key is ours by its name, which the site gives (`minting.name_at_stripe`), and by the app that manages it, where Stripe
names one. Whatever else is on the account is not touched.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from stripe_keys import gateway, key_endpoint, retirement_rows
from stripe_keys.key_endpoint import Listed
from stripe_keys.managed import consent
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from work.pool import connection_to_pool

log = logging.getLogger(__name__)
SWEPT_EVERY_SECONDS = 24 * 3600
# A key so young may be one that is being made.
_YOUNG = timedelta(minutes=30)
_AT_ONCE = 500


def sweep() -> None:
    """Look at the keys of every account for which the app makes keys, or once did."""
    for management in KeyManagement.objects.order_by("?")[:_AT_ONCE]:
        connection_to_pool()
        try:
            consent.prove(
                merchant_id=management.merchant_id,
                stripe_account_id=management.stripe_account_id,
                livemode=management.livemode,
            )
            listed = list(
                key_endpoint.keys_of(livemode=management.livemode, context=management.stripe_account_id)
            )
        except (consent.NotInstalled, gateway.StripeRefused):
            continue
        except gateway.StripeUnavailable:
            log.warning("orphans: Stripe did not list the keys of an account")
            continue
        for one in listed:
            _end_if_orphaned(one, management)


def _end_if_orphaned(one: Listed, management: KeyManagement) -> None:
    token = _token_in(one.name)
    is_young = one.created_at is None or one.created_at > timezone.now() - _YOUNG
    if token is None or one.managed_by_app not in ("", _app()) or not one.stripe_key_id:
        return
    if not one.is_active or not one.is_secret or is_young:
        return
    with transaction.atomic():
        # Whoever stores a key has its minting claimed, so that one that is not known now will not be.
        is_open = Minting.objects.filter(token=token, state__in=["waiting", "claimed"]).exists()
        is_known = RestrictedKey.objects.kept().filter(stripe_key_id=one.stripe_key_id).exists()
        if is_open or is_known:
            return
        retirement_rows.retire_by_id(
            stripe_key_id=one.stripe_key_id,
            stripe_account_id=management.stripe_account_id,
            livemode=management.livemode,
            merchant_id=management.merchant_id,
            cause=Retirement.Cause.ORPHANED,
        )


def _token_in(name: str) -> UUID | None:
    """The token of the minting that a key was named for, in this environment."""
    head, _, tail = name.rpartition(" ")
    if head != f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT}":
        return None
    try:
        return UUID(tail)
    except ValueError:
        return None


def _app() -> str:
    return str(settings.STRIPE_MANAGED_APP_OBJECT_ID or settings.STRIPE_APP_OBJECT_ID)
