"""Kept keys that their own database contradicts: the envelope is gone, or the key is kept although it was erased.

Nothing here opens anything: it is asked before that, or after it turned out that there is nothing to open.
"""

from datetime import datetime

from django.db import transaction

from stripe_keys import lifecycle, quarantine
from stripe_keys.ledger import entries
from stripe_keys.models import KeyEnvelope, RestrictedKey


@transaction.atomic
def settle(*, key: RestrictedKey, now: datetime) -> bool:
    """Quarantine `key` if it is still kept and cannot be, as the database has it now; whether that is so.

    Decided under the key's lock: whoever erases it, or stores it afresh, is either done or has not begun.
    """
    key = lifecycle.locked(key)
    if not key.is_kept:
        return False
    if KeyEnvelope.objects.filter(key=key).exists() and not entries.was_erased(key):
        return False
    quarantine.quarantine(key=key, now=now)
    return True


def ended_as_put_back(key: RestrictedKey) -> bool:
    """End `key` if it is kept although it was erased, so that its text can become a new key; the caller locked it."""
    if not entries.was_erased(key):
        return False
    reason = "It had been erased before, and was put back by hand."
    lifecycle.move(key, RestrictedKey.Status.REMOVED, actor="the site", reason=reason, code="erased_before")
    return True
