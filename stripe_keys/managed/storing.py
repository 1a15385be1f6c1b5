"""A key that Stripe has made becomes a row like any other, with the proof that it works still to come."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.services import locked_while_open
from stripe_keys import lifecycle, vault
from stripe_keys.managed import schedule
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Validation
from stripe_keys.secret import Secret
from work import engine
from work.queues import Postpone

MADE, KNOWN = "made", "known_already"
_SOONEST, _LATEST = timedelta(seconds=5), timedelta(minutes=10)


class SwitchedOff(Exception):
    """The merchant has chosen, while Stripe made the key, to bring the keys: it is not taken."""


class HeldByAnother(Exception):
    """The very text is kept for another merchant: it is not taken, and the key is ended."""


def let_others_be_proven_first(row: Minting, management: KeyManagement) -> None:
    """Return only if no other new key of the same place is being checked.

    Raises:
        Postpone: one is; the longer that lasts, the less often it is looked at.
    """
    if _of_place(management).filter(status=RestrictedKey.Status.PENDING).exists():
        age = timezone.now() - row.created_at
        raise Postpone(min(max(age / 4, _SOONEST), _LATEST), "AnotherIsBeingChecked")


def store(row: Minting, management: KeyManagement, secret: Secret) -> None:
    """Store `secret`, which was made for `row`, and have it checked; ends the row. One that is kept already stays.

    Raises:
        Postpone: another new key of the same place is being checked.
        MerchantIsClosed, SwitchedOff: it is too late.
        HeldByAnother: another merchant has it.
        VaultError: it cannot be encrypted now.
    """
    row.outcome = MADE
    with transaction.atomic():
        # Merchant before row: whoever closes the merchant locks them in this order.
        locked_while_open(management.merchant)
        with engine.settle(row):
            if not KeyManagement.objects.filter(pk=management.pk, is_on=True).exists():
                raise SwitchedOff
            if _is_known(secret, management):
                row.outcome = KNOWN
            else:
                let_others_be_proven_first(row, management)
                _store_new(row, management, secret)
            KeyManagement.objects.filter(pk=management.pk).update(
                problem="",
                next_rotation_at=schedule.next_after(timezone.now()),
            )


def _is_known(secret: Secret, management: KeyManagement) -> bool:
    """Whether the merchant has this key already: pasted meanwhile, or from before the database was restored."""
    digests = [mark.digest for mark in vault.fingerprints(secret)]
    holder = RestrictedKey.objects.kept().originals().filter(fingerprint__in=digests).first()
    if holder is not None and holder.merchant_id != management.merchant_id:
        raise HeldByAnother
    return holder is not None


def _store_new(row: Minting, management: KeyManagement, secret: Secret) -> None:
    try:
        with transaction.atomic():
            key = _new_key(row, management, secret)
    except IntegrityError:  # stored at this very moment by somebody else
        raise Postpone(_SOONEST, "Contested") from None
    vault.encrypt(key, secret).save(force_insert=True)
    lifecycle.record(key, actor="the app", reason="The app made this key at Stripe.")
    lifecycle.request_validation(key, reason=Validation.Reason.ADDED, now=timezone.now())
    Minting.objects.filter(pk=row.pk).update(key=key)


def _of_place(management: KeyManagement) -> QuerySet[RestrictedKey]:
    return RestrictedKey.objects.filter(
        merchant=management.merchant_id, livemode=management.livemode, purpose=management.purpose
    )


def _new_key(row: Minting, management: KeyManagement, secret: Secret) -> RestrictedKey:
    mark = vault.fingerprints(secret)[0]
    return RestrictedKey.objects.create(
        merchant=management.merchant,
        livemode=management.livemode,
        purpose=management.purpose,
        managed_by=RestrictedKey.ManagedBy.APP,
        is_unrestricted=secret.shape.kind == "sk",
        stripe_account_id=row.stripe_account_id,
        stripe_key_id=row.stripe_key_id,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        added_by=row.requested_by,
    )
