"""A key that Stripe has made becomes a row like any other, with the proof that it works still to come."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.services import locked_while_open
from stripe_keys import lifecycle, vault
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Validation
from stripe_keys.secret import Secret
from work import engine
from work.queues import Postpone

MADE = "made"
_PASTE_FIRST = timedelta(seconds=5)


class SwitchedOff(Exception):
    """The merchant has chosen, while Stripe made the key, to bring the keys: it is not taken."""


def store(row: Minting, management: KeyManagement, secret: Secret) -> None:
    """Store `secret`, which was made for `row`, and have it checked; ends the row.

    Raises:
        Postpone: another new key of the same place is being checked.
        MerchantIsClosed, SwitchedOff: it is too late.
        VaultError: it cannot be encrypted now.
    """
    now = timezone.now()
    row.outcome = MADE
    with engine.settle(row):
        locked_while_open(management.merchant)
        if not KeyManagement.objects.filter(pk=management.pk, is_on=True).exists():
            raise SwitchedOff
        pending = RestrictedKey.objects.filter(
            merchant=management.merchant_id,
            livemode=management.livemode,
            purpose=management.purpose,
            status=RestrictedKey.Status.PENDING,
        )
        if pending.exists():
            raise Postpone(_PASTE_FIRST, "AnotherIsBeingChecked")
        key = _new_key(row, management, secret)
        vault.encrypt(key, secret).save(force_insert=True)
        lifecycle.record(key, actor="the app", reason="The app made this key at Stripe.")
        lifecycle.request_validation(key, reason=Validation.Reason.ADDED, now=now)
        Minting.objects.filter(pk=row.pk).update(key=key)
        KeyManagement.objects.filter(pk=management.pk).update(
            problem="", next_rotation_at=now + timedelta(days=settings.MANAGED_KEY_ROTATION_DAYS)
        )


def _new_key(row: Minting, management: KeyManagement, secret: Secret) -> RestrictedKey:
    mark = vault.fingerprints(secret)[0]
    return RestrictedKey.objects.create(
        merchant=management.merchant,
        livemode=management.livemode,
        purpose=management.purpose,
        managed_by=RestrictedKey.ManagedBy.APP,
        is_unrestricted=secret.shape.kind == "sk",
        stripe_account_id=management.stripe_account_id,
        stripe_key_id=row.stripe_key_id,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        added_by=row.requested_by,
    )
