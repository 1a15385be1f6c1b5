"""Rows of surveys: making one, and remembering that what the last one found may no longer be so."""

from datetime import datetime, timedelta

from accounts.models import User
from stripe_keys import lifecycle
from stripe_keys.models import RestrictedKey, Validation
from work import bell

COOLDOWN = timedelta(minutes=1)
_OPEN = (Validation.State.WAITING, Validation.State.CLAIMED)


def is_open(key: RestrictedKey) -> bool:
    """Whether a survey of `key` is going on or about to begin."""
    return Validation.objects.surveys().filter(key=key, state__in=_OPEN).exists()


def is_open_to(key: RestrictedKey) -> bool:
    """Whether `key` may be surveyed: it is in use, and Stripe itself has said whose it is."""
    return key.is_usable and not key.account_is_claimed


def create(key: RestrictedKey, due_at: datetime, user: User | None = None) -> None:
    """Have `key` surveyed at `due_at`."""
    Validation.objects.create(
        key=key,
        merchant_id=key.merchant_id,
        lane=str(key.merchant_id),
        reason=Validation.Reason.SURVEY,
        requested_by=user,
        due_at=due_at,
        priority=lifecycle.LEISURELY,
    )


def permissions_changed(key: RestrictedKey, now: datetime) -> None:
    """Remember that `key` can do something else than before, and look anew; the caller holds its lock.

    Changes that come one after the other lead to one survey each COOLDOWN. A key that must not be surveyed now is
    once it may be: `surveys.plan` sees to that.
    """
    RestrictedKey.objects.filter(pk=key.pk).update(permissions_changed_at=now)
    if is_open_to(key) and not is_open(key):
        again(key, now)


def again(key: RestrictedKey, now: datetime) -> None:
    """Have `key` surveyed once the cool-down of the last survey is over."""
    latest = Validation.objects.surveys().filter(key=key).order_by("-created_at").first()
    due_at = max(now, latest.created_at + COOLDOWN) if latest else now
    create(key, due_at)
    if due_at <= now:
        bell.ring_on_commit(lifecycle.QUEUE, str(key.merchant_id), priority=lifecycle.LEISURELY)
