"""How far the end of a key that the app made is at Stripe, in words."""

from django.utils import timezone

from stripe_keys.models import RestrictedKey, Retirement

# What `stripe_keys.managed.retiring` saw: Stripe refuses the key, or shows it as ended.
_SEEN = ("refused", "gone")
_OPEN = (Retirement.State.WAITING, Retirement.State.CLAIMED)


def of(key: RestrictedKey) -> Retirement | None:
    """The retirement of `key`; None of a pasted key, and of one that Stripe ended by itself."""
    return Retirement.objects.filter(key=key).first() if key.is_app_managed else None


def is_under_way(key: RestrictedKey) -> bool:
    """Whether its end is seen soon; an overlap that Stripe itself ends may last for days."""
    retirement = of(key)
    if retirement is None or retirement.state not in _OPEN:
        return False
    return retirement.expired_at is None or retirement.expired_at <= timezone.now()


def is_open(key: RestrictedKey) -> bool:
    """Whether its end has not been seen yet."""
    retirement = of(key)
    return retirement is not None and retirement.state in _OPEN


def needs_the_merchant(key: RestrictedKey) -> bool:
    """Whether we could not end it, so that only the merchant can."""
    retirement = of(key)
    is_over = retirement is not None and retirement.state not in _OPEN
    return retirement is not None and is_over and retirement.outcome not in _SEEN


def in_words(key: RestrictedKey) -> str:
    """A sentence; empty of a key that we need not end."""
    retirement = of(key)
    if retirement is None:
        return ""
    if retirement.state in _OPEN:
        is_overlap = retirement.expired_at is not None and retirement.expired_at > timezone.now()
        return "Stripe ends it soon." if is_overlap else "It is being ended at Stripe."
    if retirement.outcome in _SEEN:
        return "It has ended at Stripe as well."
    return "We could not end it at Stripe. To make sure that nobody can use it, expire it there."
