"""Rows of retirements: noting that a key which the app made is not to be used any more, in the caller's transaction."""

import logging
from uuid import UUID

from stripe_keys import managed_problems, vault
from stripe_keys.models import KeyManagement, KeyUse, RestrictedKey, Retirement
from work import bell

log = logging.getLogger(__name__)
QUEUE = "retirements"
_CAUSES = {
    RestrictedKey.Status.REPLACED: Retirement.Cause.REPLACED,
    RestrictedKey.Status.REMOVED: Retirement.Cause.REMOVED,
    RestrictedKey.Status.REJECTED: Retirement.Cause.REJECTED,
}


def retire(key: RestrictedKey) -> None:
    """Have `key`, which has just left the kept statuses and is still stored, ended at Stripe, if the app made it.

    A copy of it is kept, encrypted, until Stripe is seen to refuse it. One that is dead needs no ending.
    """
    cause = _CAUSES.get(RestrictedKey.Status(key.status))
    if not key.is_app_managed or cause is None:
        return
    if cause == Retirement.Cause.REJECTED:
        of_it = KeyManagement.objects.filter(
            merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose
        )
        of_it.update(problem=managed_problems.REJECTED)
    retire_by_id(
        stripe_key_id=key.stripe_key_id,
        stripe_account_id=key.stripe_account_id,
        livemode=key.livemode,
        merchant_id=key.merchant_id,
        cause=cause,
        key=key,
        sealed=_copy_of(key),
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
) -> bool:
    """Have the key of that `mk_` id ended at Stripe; False if that is under way, or done."""
    _, is_new = Retirement.objects.get_or_create(
        stripe_key_id=stripe_key_id,
        livemode=livemode,
        defaults={
            "lane": str(merchant_id),
            "merchant_id": merchant_id,
            "stripe_account_id": stripe_account_id,
            "cause": cause,
            "key": key,
            "sealed": sealed,
        },
    )
    if is_new:
        bell.ring_on_commit(QUEUE, str(merchant_id))
    return is_new


def _copy_of(key: RestrictedKey) -> str:
    """The sealed copy; empty where the key cannot be opened now: then Stripe's word that it has ended must do."""
    KeyUse.objects.create(key=key, actor="retirement", reason="A copy, to see with that Stripe refuses it")
    try:
        return vault.seal_copy(key.stripe_key_id, vault.decrypt(key))
    except vault.VaultError as problem:
        log.warning("no copy of a retired key: %s", type(problem).__name__, extra={"key": str(key.pk)})
        return ""
