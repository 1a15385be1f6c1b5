"""What merchants tell us of a full-access secret key that they retire elsewhere, and what Stripe says of it.

The key itself never comes here: a merchant may name its last four characters and its id, neither of which opens
anything.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Merchant, User
from stripe_keys.models import RestrictedKey, SecretKeyMigration, StripeInstall


@dataclass(frozen=True)
class SaidBy:
    """The event that says so. Which one it was changes nothing of what follows, so two of them look the same."""

    event_id: str = field(repr=False)
    reported_at: datetime = field(repr=False)


class AlreadyRetired(Exception):
    """The old key of this mode is known to be dead; whoever thinks otherwise takes that back first."""


class IsOfRestrictedKey(Exception):
    """The id is that of a restricted key of this merchant, whose end would prove nothing about the old key."""


@transaction.atomic
def name_key(*, merchant: Merchant, livemode: bool, last4: str, stripe_key_id: str) -> SecretKeyMigration:
    """Note which key is to be retired, as far as its merchant wants to say; empty is a wish too.

    Raises:
        AlreadyRetired: it is known to be dead.
        IsOfRestrictedKey: the id is that of a key that is used here.
    """
    if (
        stripe_key_id
        and RestrictedKey.objects.filter(merchant=merchant, stripe_key_id=stripe_key_id).exists()
    ):
        raise IsOfRestrictedKey
    row = _current(merchant, livemode=livemode)
    if row.is_retired:
        raise AlreadyRetired
    row.last4, row.stripe_key_id = last4, stripe_key_id
    row.save(update_fields=["last4", "stripe_key_id"])
    return row


@transaction.atomic
def confirm_dead(*, merchant: Merchant, livemode: bool, user: User, now: datetime) -> SecretKeyMigration:
    """The merchant asked Stripe with the old key, and it is dead. What was known before stays as it is."""
    row = _current(merchant, livemode=livemode)
    if not row.is_retired:
        row.proof, row.proven_by = SecretKeyMigration.Proof.OWN_CHECK, user
        row.proven_at = row.retired_at = now
        row.save(update_fields=["proof", "proven_by", "proven_at", "retired_at"])
    return row


@transaction.atomic
def take_back(*, merchant: Merchant, livemode: bool, user: User, now: datetime) -> bool:
    """What was recorded was a mistake: keep it as such and begin anew. Returns whether there was anything.

    After an event it was the id that was wrong, so that is not taken over.
    """
    row = _locked(merchant, livemode=livemode).exclude(proof="").first()
    if row is None:
        return False
    row.taken_back_at, row.taken_back_by = now, user
    row.save(update_fields=["taken_back_at", "taken_back_by"])
    was_event = row.proof == SecretKeyMigration.Proof.EVENT
    SecretKeyMigration.objects.create(
        merchant=merchant,
        livemode=livemode,
        last4=row.last4,
        stripe_key_id="" if was_event else row.stripe_key_id,
    )
    return True


def stripe_ended(
    *, stripe_account_id: str, livemode: bool, stripe_key_id: str, said_by: SaidBy, now: datetime
) -> int:
    """Stripe reports that a key of this account has ended: if its merchant named it as the old one, that is the proof.

    Returns:
        How many old keys this concerned.
    """
    connected = StripeInstall.objects.filter(
        stripe_account_id=stripe_account_id, livemode=livemode, status=StripeInstall.Status.INSTALLED
    )
    awaited = SecretKeyMigration.objects.filter(livemode=livemode, stripe_key_id=stripe_key_id, proof="")
    awaited = awaited.exclude(stripe_key_id="").filter(merchant__closed_at__isnull=True)
    rows = awaited.filter(merchant__in=connected.values("merchant")).select_for_update(of=("self",))
    for row in rows:
        row.proof, row.event_id = SecretKeyMigration.Proof.EVENT, said_by.event_id
        row.retired_at, row.proven_at = said_by.reported_at, now
        row.save(update_fields=["proof", "event_id", "retired_at", "proven_at"])
    return len(rows)


def _current(merchant: Merchant, *, livemode: bool) -> SecretKeyMigration:
    """The merchant's row of that mode that nobody has taken back, locked; made if there is none."""
    while True:
        SecretKeyMigration.objects.get_or_create(merchant=merchant, livemode=livemode, taken_back_at=None)
        row = _locked(merchant, livemode=livemode).first()
        # Where there is none, somebody took it back while we waited for it, and another one is there by now.
        if row is not None:
            return row


def _locked(merchant: Merchant, *, livemode: bool) -> QuerySet[SecretKeyMigration]:
    rows = SecretKeyMigration.objects.filter(merchant=merchant, livemode=livemode, taken_back_at=None)
    return rows.select_for_update(of=("self",))
