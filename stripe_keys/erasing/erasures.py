"""Erasing everything that is stored of a merchant: what closing an account does, and what a restore must do again."""

from datetime import datetime

from django.db import transaction

from accounts.models import Merchant
from stripe_keys import lifecycle, retirement_rows
from stripe_keys.ledger import entries
from stripe_keys.models import KeyEnvelope, MerchantDataKey, PublishableKey, RestrictedKey, StripeInstall


@transaction.atomic
def erase_merchant(*, merchant: Merchant, actor: str, reason: str, now: datetime) -> int:
    """End every key of `merchant`, erase what could open one, and close the merchant; returns how many keys it ended.

    Their data keys go too, so that even a kept copy of an envelope is noise. Nothing is encrypted for a closed merchant
    any more. Keys that the app made are ended at Stripe by workers, by their ids: no copy of them is left here. The
    Stripe accounts are free to be bound to another merchant. Harmless when it was done before. `reason`
    goes into the deletion ledger: it may name no person.
    """
    # Locked in the order of pastes and removals: merchant, installs, keys.
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    installs = StripeInstall.objects.filter(merchant=merchant, status=StripeInstall.Status.INSTALLED)
    list(installs.select_for_update(of=("self",)))
    kept = list(RestrictedKey.objects.kept().filter(merchant=merchant).locked_in_turn())
    for key in kept:
        lifecycle.move(key, RestrictedKey.Status.REMOVED, actor=actor, reason=reason, code="account_closed")
    KeyEnvelope.objects.filter(key__merchant=merchant).delete()
    MerchantDataKey.objects.filter(merchant=merchant).delete()
    retirement_rows.close_merchant(merchant.pk)
    PublishableKey.objects.filter(merchant=merchant).delete()
    installs.update(status=StripeInstall.Status.UNINSTALLED, uninstalled_at=now)
    if merchant.closed_at is None:
        Merchant.objects.filter(pk=merchant.pk).update(closed_at=now)
    entries.note_merchant_closed(merchant.pk)
    return len(kept)
