"""A key that Stripe may have made though its answer was lost: found by its name in Stripe's list.

Its text is not to be had any more, so that it can only be ended.
"""

import logging
from datetime import timedelta

from django.utils import timezone

from stripe_keys import gateway
from stripe_keys.gateway import key_endpoint
from stripe_keys.managed import consent, pacing
from stripe_keys.models import KeyManagement, Minting, RestrictedKey
from work.pool import connection_to_pool
from work.queues import Postpone

log = logging.getLogger(__name__)
# A call that nobody waits for any more may still have its effect for so long.
SETTLED_AFTER = timedelta(minutes=2)


def keys_made_for(row: Minting, management: KeyManagement) -> list[str]:
    """The ids of living keys at Stripe that were made for the place of `row`, and are not known here.

    None where Stripe does not let us look: what is there the sweep for orphans finds, or the merchant's choice at the
    uninstall has ended.

    Raises:
        Postpone: a call may still be under way, or the budget is spent.
        gateway.StripeUnavailable: Stripe did not say.
    """
    if row.asked_at is None or row.stripe_key_id:
        return []
    rest = row.asked_at + SETTLED_AFTER - timezone.now()
    if rest > timedelta():
        raise Postpone(rest, "MayStillBeMade")
    try:
        with pacing.calls(consent.CALLS + 1, livemode=management.livemode):
            connection_to_pool()
            consent.prove(
                merchant_id=management.merchant_id,
                stripe_account_id=row.stripe_account_id,
                livemode=management.livemode,
                is_ending=True,
            )
            connection_to_pool()
            listed = list(key_endpoint.keys_of(livemode=management.livemode, context=row.stripe_account_id))
    except (consent.NotInstalled, gateway.StripeRefused) as refusal:
        log.warning("a lost key cannot be looked for: %s", type(refusal).__name__, extra={"minting": row.pk})
        return []
    # A key that Stripe rotated keeps the name that its first minting gave.
    names = set(Minting.objects.filter(management=management).values_list("body__name", flat=True)) - {None}
    ours = key_endpoint.made_by_us(listed)
    found = {one.stripe_key_id for one in ours if one.is_active and one.is_secret and one.name in names}
    known = RestrictedKey.objects.kept().filter(stripe_key_id__in=found, livemode=management.livemode)
    return sorted(found - set(known.values_list("stripe_key_id", flat=True)) - {""})
