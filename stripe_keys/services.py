"""What people can do with keys: one command, one transaction each; what is refused is an exception."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Merchant, User
from accounts.services import locked_while_open
from stripe_keys import lifecycle, mails, outgoing, pace, vault
from stripe_keys.ledger import entries
from stripe_keys.lifecycle import actor_name
from stripe_keys.managed import arrangements
from stripe_keys.models import DEFAULT_PURPOSE, KeyEnvelope, RestrictedKey, StripeInstall, Validation
from stripe_keys.pastes import duplicates, stand_ins
from stripe_keys.pastes.limits import count_paste
from stripe_keys.secret import Secret

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
_STORING_TRIES = 3


class CannotStoreNow(Exception):
    """Nothing can be encrypted at this moment, so nothing was stored; the vault's own exception says why, to ops."""


class CheckedJustNow(Exception):
    """The key was checked moments ago; `retry_after` says when it may be asked for again."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("The key was checked moments ago.")
        self.retry_after = retry_after


class NotPossibleNow(Exception):
    """The key is not in a state where this can be done; the page it came from is out of date."""


@dataclass(frozen=True)
class Added:
    """The key that a paste led to, and whether it was there before; if so, whether it had to be stored afresh."""

    key: RestrictedKey
    already_saved: bool
    stored_afresh: bool = False


@transaction.atomic
def add_key(
    *,
    merchant: Merchant,
    user: User,
    secret: Secret,
    now: datetime,
    remote_address: str | None = None,
    purpose: str = DEFAULT_PURPOSE,
) -> Added:
    """Store a pasted key as pending, encrypted, and have it checked at once.

    The same key again is the same row, and if its envelope is gone or does not open, this gives it a new one. A key
    that waits to be proven gives way to a newer paste; a key that serves goes on serving until the new one is proven.
    Of a key that another merchant has nothing is stored: a made-up text stands in for it, and proves useless.

    Raises:
        TooManyPastes: the merchant or the address has pasted too often.
        MerchantIsClosed: the merchant closed their account, perhaps a moment ago; nothing is stored.
        AppMakesTheKeys: the merchant has the app make the keys there, perhaps since a moment ago; nothing is stored.
        ServesAnother: the merchant has brought this very key for another purpose; nothing is changed.
        CannotStoreNow: nothing can be encrypted now; nothing is stored.
    """
    locked_while_open(merchant)  # two tabs at once take turns
    arrangements.refuse_while_the_app_makes_keys(merchant, livemode=secret.livemode, purpose=purpose)
    marks = vault.fingerprints(secret)
    digests = [mark.digest for mark in marks]
    duplicates.take_turns(digests)
    key = _new_row(merchant, user, secret, marks[0], purpose)
    own = duplicates.brought_before(merchant, digests, purpose)
    if own is not None:
        return Added(own, already_saved=True, stored_afresh=_heal(own, secret, user, now))
    count_paste(key, user, remote_address, now)
    _give_way(key, user)
    # Whatever comes of it, the way is the same: a difference would tell whose key it is.
    _store(key, secret, digests)
    lifecycle.record(key, actor=actor_name(user), reason="The key was pasted.")
    lifecycle.request_validation(key, reason=Validation.Reason.ADDED, now=now, requested_by=user)
    pace.forget_troubles(merchant_id=merchant.pk, livemode=key.livemode)
    return Added(key, already_saved=False)


def _new_row(
    merchant: Merchant, user: User, secret: Secret, mark: vault.Fingerprint, purpose: str
) -> RestrictedKey:
    return RestrictedKey(
        merchant=merchant,
        livemode=secret.livemode,
        purpose=purpose,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
        added_by=user,
    )


def _store(key: RestrictedKey, secret: Secret, digests: list[bytes]) -> None:
    """Write the pending row and its envelope; of a key that another merchant has, a made-up text takes its place."""
    for _ in range(_STORING_TRIES):
        key.stands_in_for = stand_ins.holder_of(digests)
        try:
            with transaction.atomic():
                key.save(force_insert=True)
                text = secret if key.stands_in_for is None else stand_ins.made_up(secret)
                vault.encrypt(key, text).save(force_insert=True)
        except IntegrityError:
            continue  # somebody stored the same key, or ended it, while we looked
        except vault.VaultError as problem:
            raise _cannot_store(problem) from None
        return
    raise CannotStoreNow("Contested")


def _cannot_store(problem: vault.VaultError) -> CannotStoreNow:
    log.critical("a key could not be stored: %s", type(problem).__name__)
    return CannotStoreNow(type(problem).__name__)


def _heal(key: RestrictedKey, secret: Secret, user: User, now: datetime) -> bool:
    """Give `key` a new envelope if its own is gone or does not open; False if it is well. The caller has locked it."""
    if key.quarantined_at is None and not _is_bereft(key):
        return False
    KeyEnvelope.objects.filter(key=key).delete()
    text = secret if key.stands_in_for_id is None else stand_ins.made_up(secret)
    try:
        vault.encrypt(key, text).save(force_insert=True)
    except vault.VaultError as problem:
        raise _cannot_store(problem) from None
    key.quarantined_at, key.last_problem = None, ""
    key.save(update_fields=["quarantined_at", "last_problem"])
    mails.take_back_unreadable(key)
    lifecycle.record(key, actor=actor_name(user), reason="The key was pasted again and stored afresh.")
    pace.forget_troubles(merchant_id=key.merchant_id, livemode=key.livemode)
    lifecycle.request_validation(key, reason=Validation.Reason.ADDED, now=now, requested_by=user)
    return True


def _is_bereft(key: RestrictedKey) -> bool:
    """Whether nothing is stored that opens; while the vault is in trouble nothing is known, and this says no."""
    envelope = KeyEnvelope.objects.select_related("key", "data_key").filter(key=key).first()
    try:
        if envelope is not None:
            vault.verify(envelope)
    except vault.WillNotOpen:
        return True
    except vault.VaultError:
        return False
    return envelope is None


def _give_way(key: RestrictedKey, user: User) -> None:
    rivals = RestrictedKey.objects.select_for_update(of=("self",)).filter(
        merchant=key.merchant, livemode=key.livemode, purpose=key.purpose, status=Status.PENDING
    )
    for pending in rivals:
        lifecycle.move(
            pending,
            Status.REMOVED,
            actor=actor_name(user),
            reason="A newer key was pasted instead.",
            code="newer_key",
        )


@transaction.atomic
def revalidate(*, key: RestrictedKey, user: User, now: datetime) -> None:
    """Have `key` checked now.

    Raises:
        CheckedJustNow: it was checked, or asked for, within the cool-down.
        NotPossibleNow: its secret is no longer kept.
    """
    key = lifecycle.locked(key)
    if not key.is_kept:
        raise NotPossibleNow
    cooldown = timedelta(seconds=settings.KEY_CHECK_COOLDOWN_SECONDS)
    recent = Validation.objects.checks().filter(key=key, created_at__gt=now - cooldown)
    asked = recent.order_by("-created_at").first()
    moments = [moment for moment in (key.last_checked_at, asked.created_at if asked else None) if moment]
    if moments and now - max(moments) < cooldown:
        raise CheckedJustNow(max(moments) + cooldown - now)
    pace.let_one_through(merchant_id=key.merchant_id, livemode=key.livemode)
    lifecycle.request_validation(key, reason=Validation.Reason.CHECK_NOW, now=now, requested_by=user)


@transaction.atomic
def remove(*, key: RestrictedKey, user: User, now: datetime) -> None:
    """End `key` at the merchant's wish and erase it. It goes on working at Stripe until it is expired there.

    One that the app made is ended at Stripe as well, and the app makes no other one in its place.

    A binding to a Stripe account that rested on such a key alone ends with the last of them, so that a merchant who
    confirmed the wrong account, or moves to another one, can start afresh.

    Raises:
        NotPossibleNow: it has ended already.
    """
    installs = StripeInstall.objects.filter(
        merchant=key.merchant_id, livemode=key.livemode, status=StripeInstall.Status.INSTALLED
    )
    # Merchant, installs, keys: the order in which everybody locks them.
    Merchant.objects.select_for_update(no_key=True).get(pk=key.merchant_id)
    list(installs.select_for_update(of=("self",)))
    arrangements.lock_place_of(key)
    key = lifecycle.locked(key)
    if not key.is_kept:
        raise NotPossibleNow
    lifecycle.move(
        key, Status.REMOVED, actor=actor_name(user), reason="The merchant removed it.", code="by_merchant"
    )
    arrangements.stop_making(key, user=user, now=now)
    account = key.stripe_account_id
    of_account = RestrictedKey.objects.kept().filter(
        merchant=key.merchant_id, stripe_account_id=account, livemode=key.livemode
    )
    if not of_account.exists():
        installs.filter(stripe_account_id=account, proof=StripeInstall.Proof.MERCHANT).update(
            status=StripeInstall.Status.UNINSTALLED, uninstalled_at=now
        )


@transaction.atomic
def recheck_for_ops(*, keys: QuerySet[RestrictedKey], actor: User, now: datetime) -> int:
    """Have each kept key among `keys` checked now, without the merchants' cool-down; returns how many."""
    count = 0
    for key in RestrictedKey.objects.kept().filter(pk__in=keys.values("pk")).locked_in_turn():
        lifecycle.request_validation(key, reason=Validation.Reason.OPS, now=now, requested_by=actor)
        count += 1
    return count


@transaction.atomic
def suspend(*, key: RestrictedKey, actor: User, now: datetime, is_leaked: bool = False) -> None:
    """Refuse to use `key` until it is resumed; it stays stored and checked, and the merchant is told.

    Of a leaked key the merchant learns that it has leaked, and what to do at Stripe.

    Raises:
        NotPossibleNow: it is suspended already, or its secret is no longer kept.
    """
    key = lifecycle.locked(key)
    if not key.is_kept or key.suspended_at:
        raise NotPossibleNow
    key.suspended_at, key.leaked_at = now, now if is_leaked else key.leaked_at
    key.save(update_fields=["suspended_at", "leaked_at"])
    reason = "It was found leaked, and support suspended it." if is_leaked else "Support suspended it."
    change = lifecycle.record(key, actor=actor_name(actor), reason=reason)
    outgoing.tell_standing(key, outgoing.SUSPENDED, change, code="leaked" if is_leaked else "by_support")
    entries.note_key_suspended(key)
    if is_leaked:
        mails.tell_leaked(key)
    else:
        mails.tell_suspended(key)


@transaction.atomic
def resume(*, key: RestrictedKey, actor: User, now: datetime) -> None:
    """Allow a suspended `key` to be used again, and check it at once.

    Raises:
        NotPossibleNow: it is not suspended, or its secret is no longer kept.
    """
    key = lifecycle.locked(key)
    if not key.is_kept or not key.suspended_at:
        raise NotPossibleNow
    RestrictedKey.objects.filter(pk=key.pk).update(suspended_at=None)
    change = lifecycle.record(key, actor=actor_name(actor), reason="Support lifted the suspension.")
    mails.tell_resumed(key, key.suspended_at)
    key.suspended_at = None
    outgoing.tell_standing(key, outgoing.RESUMED, change, code="by_support")
    entries.note_key_resumed(key)
    lifecycle.request_validation(key, reason=Validation.Reason.OPS, now=now, requested_by=actor)
