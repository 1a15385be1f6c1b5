"""Keys whose envelope does not open: set apart loudly, and given back when they open again."""

import logging
from datetime import datetime

from django.db import transaction

from accounts.notices import tell_ops
from stripe_keys import lifecycle, mails, outgoing
from stripe_keys.models import (
    KekCanary,
    KeyEnvelope,
    MerchantDataKey,
    RestrictedKey,
    RestrictedKeyQuerySet,
    SiteDataKey,
)

log = logging.getLogger(__name__)
PROBLEM = "unreadable"


def give_up_on_keys_under(kek_id: str, *, now: datetime) -> int:
    """Quarantine every kept key under the lost key-encryption key `kek_id` and delete what nobody can ever open.

    One transaction per key, then one for what is left: it may be broken off and run again. Ops are not told: they asked
    for it. Returns how many keys were quarantined.
    """
    keys = keys_under(kek_id).order_by("pk")
    count = sum(_give_up_on(key, now) for key in keys.iterator(chunk_size=500))
    with transaction.atomic():
        KeyEnvelope.objects.filter(data_key__kek_id=kek_id).delete()
        for model in (MerchantDataKey, SiteDataKey, KekCanary):
            model.objects.filter(kek_id=kek_id).delete()
    return count


def keys_under(kek_id: str) -> RestrictedKeyQuerySet:
    """The kept keys that the key-encryption key `kek_id` opens."""
    return RestrictedKey.objects.kept().filter(envelope__data_key__kek_id=kek_id)


@transaction.atomic
def _give_up_on(key: RestrictedKey, now: datetime) -> bool:
    done = quarantine(key=key, now=now, tell_support=False)
    KeyEnvelope.objects.filter(key=key).delete()
    return done


@transaction.atomic
def quarantine(*, key: RestrictedKey, now: datetime, tell_support: bool = True) -> bool:
    """Let nobody use `key`, whose envelope does not open, and ask its merchant to paste it again; False if it was done.

    Only for `vault.WillNotOpen`: while a key-encryption key is missing or its service away, nothing is wrong with the
    row. The envelope stays for whoever looks into it, and goes when a key that works takes over.
    """
    key = lifecycle.locked(key)
    if not key.is_kept or key.quarantined_at is not None:
        return False
    RestrictedKey.objects.filter(pk=key.pk).update(quarantined_at=now, last_problem=PROBLEM)
    change = lifecycle.record(
        key, actor="the site", reason="Its stored form does not open; it must be pasted again."
    )
    key.quarantined_at = now
    outgoing.tell_standing(key, outgoing.UNREADABLE, change, code=PROBLEM)
    mails.tell_unreadable(key, now)
    if tell_support:
        _tell_ops(key, now)
    log.critical("an envelope does not open; the key is quarantined", extra={"key": str(key.pk)})
    return True


def _tell_ops(key: RestrictedKey, now: datetime) -> None:
    tell_ops(
        subject="A stored key does not open",
        body=f"The envelope of key {key.pk} does not open. The key is quarantined and its merchant is asked to paste it"
        " again.\n\nRun `manage.py audit_vault` to see whether it is the only one.",
        dedupe_key=f"quarantined:{key.pk}:{now:%Y%m%d}",
    )


def lift(key: RestrictedKey) -> None:
    """Let `key`, which opens again, be used again; the caller holds its lock."""
    if key.quarantined_at is None:
        return
    RestrictedKey.objects.filter(pk=key.pk).update(quarantined_at=None, last_problem="")
    key.quarantined_at = None
    mails.take_back_unreadable(key)
    change = lifecycle.record(key, actor="the site", reason="Its stored form opens again.")
    outgoing.tell_standing(key, outgoing.RESUMED, change, code="readable_again")
