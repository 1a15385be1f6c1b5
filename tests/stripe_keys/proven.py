"""A key that works, for tests of what comes after that: the rows which a paste and its check leave, all at once."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from stripe_keys import lifecycle, sweeps, vault
from stripe_keys.models import (
    AccountPace,
    KeySubmission,
    KeyUse,
    PermissionCheck,
    RestrictedKey,
    StatusChange,
    Validation,
)
from stripe_keys.secret import Secret
from tests.people import merchant_of
from tests.stripe_keys.keys import REQUIRED, StripeKey
from work.models import DueRow

Status = RestrictedKey.Status


@transaction.atomic
def proven(user: User, at_stripe: StripeKey) -> RestrictedKey:
    """As `checked(paste(…))` returns a key that can do all that the app needs; Stripe is not asked.

    `test_proven` holds the two together.
    """
    merchant, now, secret = merchant_of(user), timezone.now(), Secret(at_stripe.token)
    mark = vault.fingerprints(secret)[0]
    key = RestrictedKey(
        merchant=merchant,
        livemode=secret.livemode,
        status=Status.ACTIVE,
        stripe_account_id=at_stripe.account,
        stripe_key_id=at_stripe.id,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        added_by=user,
        created_at=now,
        last_checked_at=now,
        last_ok_at=now,
    )
    key.next_check_at = sweeps.next_check(key, now)
    key.save(force_insert=True)
    vault.encrypt(key, secret).save(force_insert=True)
    _its_check(key)
    _its_history(key)
    KeySubmission.objects.create(
        kind=KeySubmission.Kind.PASTE, merchant=merchant, user=user, fingerprint=mark.digest, at=now
    )
    AccountPace.objects.create(merchant=merchant, livemode=secret.livemode, free_at=now)
    return key


def _its_check(key: RestrictedKey) -> None:
    check = Validation.objects.create(
        key=key,
        merchant=key.merchant,
        lane=str(key.merchant_id),
        priority=lifecycle.URGENT,
        reason=Validation.Reason.ADDED,
        requested_by=key.added_by,
        state=DueRow.State.DONE,
        verdict=Status.ACTIVE,
        attempts=1,
        fence=1,
        claimed_by="a test",
        finished_at=key.last_ok_at,
    )
    PermissionCheck.objects.bulk_create(
        PermissionCheck(key=key, validation=check, permission=name, outcome="granted") for name in REQUIRED
    )
    KeyUse.objects.create(key=key, actor="validation worker", reason="Key added")


def _its_history(key: RestrictedKey) -> None:
    assert key.added_by is not None
    StatusChange.objects.bulk_create(
        StatusChange(key=key, from_status=before, to_status=after, actor=actor, reason=reason)
        for before, after, actor, reason in (
            (Status.PENDING, Status.PENDING, key.added_by.email, "The key was pasted."),
            (Status.PENDING, Status.ACTIVE, "Stripe", "Stripe accepts it, with every permission."),
        )
    )
