"""The publishable key that goes with the app's keys: one per merchant, mode and account, for browser code.

It is made once a secret key serves, and holds up none. Stripe lets nobody end such a key, so that not one too many may
be made: Stripe's list is looked at first, and what calls for the key derives from merchant and account alone.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.services import MerchantIsClosed, locked_while_open
from stripe_keys import gateway
from stripe_keys.gateway import key_endpoint
from stripe_keys.managed import consent, pacing
from stripe_keys.models import KeyManagement, PublishableKey, RestrictedKey
from work.pool import connection_to_pool
from work.queues import Postpone

log = logging.getLogger(__name__)
PUBLISHED_EVERY_SECONDS = 60
# Where Stripe refuses it, or does not answer.
_REFUSED_FOR, _AWAY_FOR = timedelta(days=1), timedelta(minutes=5)
_AT_ONCE = 20


def publish_missing() -> None:
    """The periodic job: make those that are missing. Must not be called inside a transaction."""
    now = timezone.now()
    for management in _lacking(now)[:_AT_ONCE]:
        mine = KeyManagement.objects.filter(
            pk=management.pk, publishable_tried_at=management.publishable_tried_at
        )
        if not mine.update(publishable_tried_at=now):
            continue  # somebody else is at it
        try:
            _publish(management)
        except (gateway.StripeUnavailable, Postpone) as problem:
            KeyManagement.objects.filter(pk=management.pk).update(
                publishable_tried_at=now - _REFUSED_FOR + _AWAY_FOR
            )
            log.warning("no publishable key now: %s", type(problem).__name__)
        except (gateway.StripeRefused, consent.NotInstalled, MerchantIsClosed) as refusal:
            log.warning("no publishable key: %s", type(refusal).__name__)


def _lacking(now: datetime) -> QuerySet[KeyManagement]:
    """The places where the app's key serves and no publishable key is here."""
    serving = RestrictedKey.objects.usable().filter(
        merchant=OuterRef("merchant"), livemode=OuterRef("livemode"), managed_by=RestrictedKey.ManagedBy.APP
    )
    here = PublishableKey.objects.filter(
        merchant=OuterRef("merchant"),
        livemode=OuterRef("livemode"),
        stripe_account_id=OuterRef("stripe_account_id"),
    )
    lacking = KeyManagement.objects.filter(
        Exists(serving),
        ~Exists(here),
        Q(publishable_tried_at=None) | Q(publishable_tried_at__lte=now - _REFUSED_FOR),
        is_on=True,
        merchant__closed_at__isnull=True,
        livemode__in=[mode == "live" for mode in settings.MANAGED_KEYS],
    )
    return lacking.order_by(F("publishable_tried_at").asc(nulls_first=True), "pk")


def _publish(management: KeyManagement) -> None:
    """Have it made, unless Stripe shows that it was; raises as `key_endpoint.create` and `consent.prove`, and
    MerchantIsClosed.
    """
    where: dict[str, Any] = {"livemode": management.livemode, "context": management.stripe_account_id}
    name = _name(management)
    with pacing.calls(consent.CALLS + 2, livemode=management.livemode):
        connection_to_pool()
        consent.prove(
            merchant_id=management.merchant_id,
            stripe_account_id=management.stripe_account_id,
            livemode=management.livemode,
        )
        connection_to_pool()
        named = [one for one in key_endpoint.keys_of(**where) if not one.is_secret and one.name == name]
        if named:
            key_id, text = named[-1].stripe_key_id, named[-1].publishable
        else:
            made = key_endpoint.create(
                body={"type": "publishable_key", "name": name},
                idempotency_key=name.replace(" ", "-"),
                **where,
            )
            key_id, text = made.stripe_key_id, made.publishable
    if not text.startswith(f"pk_{management.mode}_"):
        log.error("a publishable key was not taken: it is none of its mode")
        return
    with transaction.atomic():
        locked_while_open(management.merchant)
        PublishableKey.objects.get_or_create(
            merchant_id=management.merchant_id,
            livemode=management.livemode,
            stripe_account_id=management.stripe_account_id,
            defaults={"stripe_key_id": key_id, "text": text},
        )


def _name(management: KeyManagement) -> str:
    """By which it is recognised in Stripe's lists: the same for all purposes of the merchant."""
    return f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT} publishable {management.merchant_id}"
