"""Rows of retirements: noting that a key which the app made is not to be used any more, in the caller's transaction."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys import managed_problems, vault
from stripe_keys.models import KeyManagement, KeyUse, Minting, RestrictedKey, Retirement
from work import bell

log = logging.getLogger(__name__)
QUEUE = "retirements"
# Why a key is moved, where that changes what becomes of the app's keys.
ACCOUNT_CLOSED, APP_LEFT = "account_closed", "app_uninstalled"
AFTER_A_REJECTION, WHILE_THE_OLD_ONE_ENDS = timedelta(days=1), timedelta(minutes=15)
# How a retirement ends; see `stripe_keys.managed.retiring`.
REFUSED, GONE, STILL_ACCEPTED, NOT_OURS = "refused", "gone", "still_accepted", "not_installed"
_OVER = (Retirement.State.DONE, Retirement.State.DEAD)
_AFRESH = {
    "state": Retirement.State.WAITING,
    "attempts": 0,
    "finished_at": None,
    "lease_until": None,
    "refused_at": None,
    "outcome": "",
}
_CAUSES = {
    RestrictedKey.Status.REPLACED: Retirement.Cause.REPLACED,
    RestrictedKey.Status.REMOVED: Retirement.Cause.REMOVED,
    RestrictedKey.Status.REJECTED: Retirement.Cause.REJECTED,
}


def retire(key: RestrictedKey, *, code: str = "") -> None:
    """Have `key`, which has just left the kept statuses and is still stored, ended at Stripe, if the app made it.

    A copy of it is kept, encrypted, until Stripe is seen to refuse it; not where everything of the merchant is erased.
    One that is dead needs no ending, and of one on an account that the app has left, its merchant has decided there.
    """
    cause = _CAUSES.get(RestrictedKey.Status(key.status))
    if not key.is_app_managed or cause is None:
        return
    if cause == Retirement.Cause.REJECTED:
        _note_rejection(key)
    if not key.stripe_key_id or key.last_problem == APP_LEFT:
        return
    retire_by_id(
        stripe_key_id=key.stripe_key_id,
        stripe_account_id=key.stripe_account_id,
        livemode=key.livemode,
        merchant_id=key.merchant_id,
        cause=cause,
        key=key,
        sealed="" if code == ACCOUNT_CLOSED else _copy_of(key),
        ends_at=_end_of_overlap(key) if cause == Retirement.Cause.REPLACED else None,
    )


def retire_by_id(
    *,
    stripe_key_id: str,
    stripe_account_id: str,
    livemode: bool,
    merchant_id: UUID,
    cause: str,
    key: RestrictedKey | None = None,
    sealed: str = "",
    ends_at: datetime | None = None,
) -> bool:
    """Have the key of that `mk_` id ended at Stripe; False if that is under way, done, or would end one that is kept.

    One that Stripe ends by itself, at `ends_at`, is not ended by us, but seen to have ended. A `key` that was kept
    until now lives, whatever was seen of its id before.
    """
    about = {"stripe_key_id": stripe_key_id, "livemode": livemode}
    if ends_at is None and RestrictedKey.objects.kept().filter(**about).exists():
        log.error("a key that is kept here was to be ended at Stripe", extra={"key_id": stripe_key_id})
        return False
    wish = {
        "lane": str(merchant_id),
        "merchant_id": merchant_id,
        "stripe_account_id": stripe_account_id,
        "cause": cause,
        "key": key,
        "sealed": sealed,
        "expired_at": ends_at,
        "due_at": ends_at or Now(),
    }
    _, is_new = Retirement.objects.get_or_create(**about, defaults=wish)
    if not is_new and key is not None:
        over = Retirement.objects.filter(**about, state__in=_OVER)
        is_new = bool(over.update(**_AFRESH, **wish))
    if is_new:
        bell.ring_on_commit(QUEUE, str(merchant_id))
    return is_new


def retire_again(*, stripe_key_id: str, livemode: bool, merchant_id: UUID, before: datetime) -> bool:
    """Have a key ended that was thought to have ended before that moment, and lives; False if there is none such.

    The account may be another merchant's by now.
    """
    over = Q(state__in=_OVER, finished_at__lt=before)
    row = (
        Retirement.objects.select_for_update(of=("self",))
        .filter(over, stripe_key_id=stripe_key_id, livemode=livemode)
        .first()
    )
    if row is None:
        return False
    Retirement.objects.filter(pk=row.pk).update(
        **_AFRESH, merchant=merchant_id, lane=str(merchant_id), due_at=Now(), expired_at=None
    )
    bell.ring_on_commit(QUEUE, str(merchant_id))
    return True


def let_go(*, merchant_id: UUID, stripe_account_id: str, livemode: bool) -> None:
    """The app has left an account: nothing is made or ended there any more, and no copy of a key is kept."""
    about = {"merchant": merchant_id, "stripe_account_id": stripe_account_id, "livemode": livemode}
    KeyManagement.objects.filter(is_on=True, **about).update(
        is_on=False, next_rotation_at=None, problem=managed_problems.NOT_INSTALLED
    )
    Retirement.objects.filter(state=Retirement.State.WAITING, **about).update(
        state=Retirement.State.DONE, finished_at=Now(), outcome=NOT_OURS, sealed="", problem=""
    )


def close_merchant(merchant_id: UUID) -> None:
    """Of a merchant who closes: no key is made any more, what could open one is gone, and every key is ended now.

    What is needed for ending them, ids and accounts, stays: the ids of keys that are being made are learned first.
    """
    KeyManagement.objects.filter(merchant=merchant_id).update(is_on=False, next_rotation_at=None)
    Minting.objects.filter(management__merchant=merchant_id).exclude(delivery_key="", delivered="").update(
        delivery_key="", delivered=""
    )
    open_ones = Retirement.objects.filter(merchant=merchant_id).exclude(state=Retirement.State.DONE)
    open_ones.exclude(sealed="").update(sealed="")
    # Nobody needs the old key of a rotation any more.
    waiting = open_ones.filter(state=Retirement.State.WAITING, expired_at__gt=Now())
    waiting.update(expired_at=None, due_at=Now())


def _note_rejection(key: RestrictedKey) -> None:
    """What the app made is of no use: the page says so, ops hear of it, and another one is tried for later."""
    code = managed_problems.REJECTED
    _management_of(key).update(problem=code)
    in_use = RestrictedKey.objects.usable().filter(
        merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose
    )
    # Stripe's own word of a rotation may be late, or never come.
    ours = Minting.objects.filter(replaces__in=in_use, how=Minting.How.ROTATE).exclude(stripe_key_id="")
    is_ending = in_use.filter(rotated_at__isnull=False).exists() or ours.exists()
    rest = WHILE_THE_OLD_ONE_ENDS if is_ending else AFTER_A_REJECTION
    _management_of(key).filter(is_on=True).update(next_rotation_at=timezone.now() + rest)
    tell_ops(
        subject="A key that the app made proved to be of no use",
        body=f"{key.stripe_key_id} of {key.stripe_account_id}: {key.last_problem or 'see its history'}. It is being"
        " ended at Stripe, another is made within a day, and what served before goes on. See Restricted keys in the ops"
        " desk; others may follow that are not mailed today.",
        dedupe_key=f"minting:{code}:{timezone.now():%Y%m%d}",
    )


def _management_of(key: RestrictedKey) -> QuerySet[KeyManagement]:
    return KeyManagement.objects.filter(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)


def _end_of_overlap(key: RestrictedKey) -> datetime | None:
    """Until when Stripe lets `key` live after we had Stripe rotate it; None where we did not."""
    rotations = Minting.objects.filter(replaces=key, how=Minting.How.ROTATE).exclude(stripe_key_id="")
    rotation = rotations.order_by("-pk").first()
    if rotation is None:
        return None
    # The call was made before now, so that it is over by then at the latest.
    latest = timezone.now() + timedelta(minutes=settings.MANAGED_KEY_OVERLAP_MINUTES)
    return min(key.expires_at, latest) if key.expires_at else latest


def _copy_of(key: RestrictedKey) -> str:
    """The sealed copy; empty where the key cannot be opened now: then Stripe's word that it has ended must do."""
    KeyUse.objects.create(key=key, actor="retirement", reason="A copy, to see with that Stripe refuses it")
    try:
        return vault.seal_copy(key.stripe_key_id, vault.decrypt(key))
    except vault.VaultError as problem:
        log.warning("no copy of a retired key: %s", type(problem).__name__, extra={"key": str(key.pk)})
        return ""
