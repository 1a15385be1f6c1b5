"""Many merchants with a key each, and a clock that is moved by moving the rows: what befalls all of them at once."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Merchant
from stripe_keys import incidents, sweeps, vault
from stripe_keys.incidents import brake
from stripe_keys.models import AccountPace, RestrictedKey, StripeIncident, StripeInstall, Validation
from stripe_keys.secret import Secret
from tests.people import a_restricted_key
from tests.stripe_keys.keys import LONG_AGO, AtStripe
from work import engine
from work.models import DueRow

Status = RestrictedKey.Status
MOMENTS = {
    Validation: ("created_at", "due_at", "finished_at"),
    RestrictedKey: ("created_at", "first_refused_at", "next_check_at", "last_checked_at", "last_ok_at"),
    StripeIncident: ("began_at", "next_try_at", "ended_at"),
    AccountPace: ("free_at", "closed_until", "slow_until"),
}


@transaction.atomic
def kept(token: str, number: int, *, status: str = Status.ACTIVE, account: str = "") -> RestrictedKey:
    """A new merchant's key with that text, encrypted, as if it had been proven yesterday."""
    merchant = Merchant.objects.create(name=f"Merchant {number}")
    secret = Secret(token)
    key = _key(merchant, secret, number, status=status, account=account)
    key.save(force_insert=True)
    vault.encrypt(key, secret).save(force_insert=True)
    StripeInstall.objects.create(
        merchant=merchant,
        stripe_account_id=account or _account(number),
        livemode=False,
        proof=StripeInstall.Proof.SIGNED_RETURN,
        installed_at=LONG_AGO,
    )
    return key


def _account(number: int) -> str:
    return f"acct_1Fleet{number:06}"


def _key(
    merchant: Merchant, secret: Secret, number: int, *, status: str = Status.ACTIVE, account: str = ""
) -> RestrictedKey:
    mark = vault.fingerprints(secret)[0]
    return RestrictedKey(
        merchant=merchant,
        livemode=False,
        status=status,
        stripe_account_id="" if status == Status.PENDING else account or _account(number),
        stripe_key_id="" if status == Status.PENDING else f"mk_1Fleet{number:06}",
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        next_check_at=timezone.now() + timedelta(hours=number + 1),
    )


def never_asked_about(count: int) -> list[RestrictedKey]:
    """So many merchants' keys, all at once and without envelopes: for tests in which nobody asks Stripe about them."""
    merchants = Merchant.objects.bulk_create(Merchant(name=f"Merchant {number}") for number in range(count))
    return RestrictedKey.objects.bulk_create(
        _key(merchant, Secret(a_restricted_key()), number) for number, merchant in enumerate(merchants)
    )


def strangers_to_stripe(count: int, *, status: str = Status.ACTIVE) -> list[RestrictedKey]:
    """So many merchants' keys that Stripe refuses, and for all we know accepted until now."""
    return [kept(a_restricted_key(), number, status=status) for number in range(count)]


def known_to_stripe(at_stripe: AtStripe, count: int) -> list[RestrictedKey]:
    """So many merchants' keys, each of an account of its own, that Stripe accepts."""
    made = [at_stripe.key() for _ in range(count)]
    return [kept(one.token, number, account=one.account) for number, one in enumerate(made)]


def make_due(keys: Iterable[RestrictedKey], *, reason: str = Validation.Reason.PERIODIC) -> None:
    """Give each key a check that is due now."""
    keys = list(keys)
    Validation.objects.filter(key__in=keys, state=DueRow.State.WAITING).delete()
    Validation.objects.bulk_create(
        Validation(key=key, merchant_id=key.merchant_id, lane=str(key.merchant_id), reason=reason)
        for key in keys
    )


def check_each(keys: Iterable[RestrictedKey]) -> None:
    """One check of each key and no second one, however long the others take meanwhile."""
    for key in keys:
        engine.drain("validations", lane=str(key.merchant_id))


def pass_time(**more: float) -> None:
    """Let so much time pass: every moment in the database moves back, and workers forget what they knew just now."""
    by = timedelta(**more)
    for model, moments in MOMENTS.items():
        model._base_manager.update(**{moment: F(moment) - by for moment in moments})
    incidents.forget()


def work() -> None:
    """What a worker does in the course of a minute: sweep, check, and look whether the brake may end."""
    sweeps.plan(timezone.now())
    Validation.objects.filter(reason=Validation.Reason.PERIODIC, state=DueRow.State.WAITING).update(
        due_at=timezone.now()
    )
    engine.drain("validations")
    brake.watch(timezone.now())


def statuses() -> dict[str, int]:
    """How many keys there are of each status."""
    found = list(RestrictedKey.objects.values_list("status", flat=True))
    return {status: found.count(status) for status in sorted(set(found))}
