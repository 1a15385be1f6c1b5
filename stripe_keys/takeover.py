"""Which key serves: a proven key takes over from the one before it, and merchants are told when a key stops serving."""

from collections.abc import Sequence
from datetime import datetime

from stripe_keys import endings, lifecycle, mails, minting_rows, permissions, uninstalls
from stripe_keys.account_names import short_account
from stripe_keys.models import RestrictedKey, Validation

Status = RestrictedKey.Status


def settle_status(
    key: RestrictedKey, *, missing: list[str], now: datetime, unclear: Sequence[str] = ()
) -> str:
    """Move `key`, which Stripe accepts, to what its permissions allow; the caller holds its lock.

    A pending key takes over from the usable key of the same merchant, mode and purpose, which serves until then. A new
    key that can do less than an active one does not take over: it waits, and the old one goes on serving.

    Stripe's answers about `unclear` permissions prove nothing: they make no key active, and take nothing from one
    that is.

    Returns:
        The key's status, or `waits` for a key that does not take over yet.
    """
    is_proven = not missing and (not unclear or key.status == Status.ACTIVE)
    to = Status.ACTIVE if is_proven else Status.LIMITED
    lacks = ", ".join(permissions.words_for(name) for name in missing)
    if missing:
        reason = f"Stripe accepts it, without: {lacks}."
    elif to == Status.LIMITED:
        reason = "Stripe accepts it, and was not clear about every permission."
    else:
        reason = "Stripe accepts it, with every permission."
    if key.status == Status.PENDING:
        return _take_over(key, to, reason)
    if key.status != to:
        was_active = key.status == Status.ACTIVE
        lifecycle.move(key, to, actor="Stripe", reason=reason)
        if was_active:
            mails.tell_limited(key, missing, now)
        else:
            mails.take_back_limited(key)
    return to


def _take_over(key: RestrictedKey, to: str, reason: str) -> str:
    old = (
        RestrictedKey.objects.usable()
        .select_for_update(of=("self",))
        .filter(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)
        .first()
    )
    if old is not None and old.stripe_account_id != key.stripe_account_id:
        theirs, ours = short_account(key.stripe_account_id), short_account(old.stripe_account_id)
        why = f"It belongs to {theirs}, and the key in use to {ours}."
        lifecycle.move(key, Status.REJECTED, actor="the site", reason=why, last_problem="other_account")
        return Status.REJECTED
    if old is not None and key.suspended_at is not None:
        return "waits"  # it could not serve; lifting the suspension has it checked again
    if old is not None and to == Status.LIMITED and old.status == Status.ACTIVE:
        RestrictedKey.objects.filter(pk=key.pk).update(last_problem="less_than_the_old_key")
        return "waits"
    if old is not None:
        lifecycle.move(
            old,
            Status.REPLACED,
            actor="the site",
            reason=f"The key ending in {key.last4} took over.",
            replaced_by=key,
        )
    lifecycle.move(key, to, actor="Stripe", reason=reason)
    if old is None and key.is_app_managed:
        mails.take_back_ends_before(key)
    return to


def after_the_end(key: RestrictedKey, now: datetime) -> None:
    """Tell the merchant that `key` is dead, and give a waiting successor its chance; the app makes another of its own.

    Where it does, they are told only if that takes long.
    """
    uninstalls.believe_hearsay(key, now)
    is_uninstalled = uninstalls.has_left(key)
    if is_uninstalled:
        uninstalls.mark(key)
    mails.tell_expired(key, successor=endings.successor_of(key), is_uninstalled=is_uninstalled, now=now)
    let_the_next_try(key, now)
    if not is_uninstalled:
        minting_rows.key_died(key, now)


def let_the_next_try(key: RestrictedKey, now: datetime) -> None:
    """Give a key that waits behind `key`, which has ended, its chance."""
    for waiting in RestrictedKey.objects.filter(
        merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose, status=Status.PENDING
    ):
        lifecycle.request_validation(waiting, reason=Validation.Reason.EVENT, now=now)
