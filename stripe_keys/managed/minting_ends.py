"""How a minting ends where no key comes of it: what Stripe has made is ended there, and the cause is written down."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Merchant
from accounts.notices import tell_ops
from stripe_keys import managed_problems, retirement_rows
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from work import engine

TRIED_AGAIN_AFTER = timedelta(hours=6)
# What is nobody's fault here: ops could mend nothing.
_NOT_FOR_OPS = (
    managed_problems.SWITCHED_OFF,
    managed_problems.NOT_INSTALLED,
    managed_problems.NOT_ACTIVATED,
    managed_problems.ANOTHER_ACCOUNT,
)
# Where the app makes the keys all the same, it was chosen again meanwhile.
_GET_ANOTHER_AT_ONCE = (managed_problems.ANOTHER_ACCOUNT, managed_problems.SWITCHED_OFF)


def end(row: Minting, management: KeyManagement, code: str, *, lost: Sequence[str] = ()) -> None:
    """End without a key; the one that Stripe has made for it, and those that were `lost`, are ended there."""
    row.outcome = code
    with transaction.atomic():
        # Merchant before row: whoever closes the merchant locks them in this order.
        Merchant.objects.select_for_update(no_key=True).get(pk=management.merchant_id)
        _settle(row, management, code, lost)


def _settle(row: Minting, management: KeyManagement, code: str, lost: Sequence[str]) -> None:
    with engine.settle(row):
        for stripe_key_id in {row.stripe_key_id, *lost} - {""}:
            _have_ended(stripe_key_id, row, management)
        if not _is_superseded(row):
            note_problem(management, code, try_again_at=_next_try(row, code))


def _next_try(row: Minting, code: str) -> datetime | None:
    """When the place gets another try, where that is sooner than usual."""
    if code in _GET_ANOTHER_AT_ONCE:
        return timezone.now()
    if row.how == Minting.How.ROTATE and row.stripe_key_id:  # Stripe ends the old key soon
        return timezone.now() + retirement_rows.WHILE_THE_OLD_ONE_ENDS
    return None


def _is_superseded(row: Minting) -> bool:
    """Whether a later minting says how it stands with the place: one that was dead may be tried again."""
    return Minting.objects.filter(management=row.management_id, pk__gt=row.pk).exists()


def _have_ended(stripe_key_id: str, row: Minting, management: KeyManagement) -> None:
    """A key that is kept here is not ended, whatever Stripe calls the one it has made."""
    kept = RestrictedKey.objects.kept().filter(
        stripe_key_id=stripe_key_id, livemode=management.livemode, stripe_account_id=row.stripe_account_id
    )
    if not kept.exists():
        retirement_rows.retire_by_id(
            stripe_key_id=stripe_key_id,
            stripe_account_id=row.stripe_account_id,
            livemode=management.livemode,
            merchant_id=management.merchant_id,
            cause=Retirement.Cause.UNOPENED,
        )


def note_problem(management: KeyManagement, code: str, *, try_again_at: datetime | None = None) -> None:
    """Write down why no key was made; ops hear of what they may mend, once a day for each cause.

    Of a place whose merchant brings the keys nothing is to be said.
    """
    KeyManagement.objects.filter(pk=management.pk, is_on=True).update(
        problem=code if code != managed_problems.SWITCHED_OFF else "",
        next_rotation_at=try_again_at or timezone.now() + TRIED_AGAIN_AFTER,
    )
    if code in _NOT_FOR_OPS:
        return
    tell_ops(
        subject="A key that the app should make was not made",
        body=f"{managed_problems.FOR_OPS[code]} ({code}, for {management.stripe_account_id} and perhaps for others; see"
        " Mintings in the ops desk. Their merchants are told to paste a key meanwhile.)",
        dedupe_key=f"minting:{code}:{timezone.now():%Y%m%d}",
    )


def gave_up(row: Minting) -> None:
    """It failed again and again: the merchant is told, it is asked for anew later, and the account is looked at for a
    key that nobody knows.

    The private half goes unless there is something to open with it; should ops have the row tried again, what Stripe
    then delivers for it is ended.
    """
    if not row.delivered:
        body = row.body if row.asked_at else {}
        Minting.objects.filter(pk=row.pk).update(delivery_key="", body=body)
    management = KeyManagement.objects.get(pk=row.management_id)
    if not _is_superseded(row):
        note_problem(management, managed_problems.AWAY)
    KeyManagement.objects.filter(pk=management.pk).update(swept_at=None)
