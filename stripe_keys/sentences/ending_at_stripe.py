"""How far the end of a key that the app made is at Stripe, in words."""

from django.utils import timezone

from stripe_keys.models import RestrictedKey, Retirement

# What `stripe_keys.managed.retiring` saw: Stripe refuses the key, or shows it as ended.
_SEEN = ("refused", "gone")
_OPEN = (Retirement.State.WAITING, Retirement.State.CLAIMED)


def of(key: RestrictedKey) -> Retirement | None:
    """The retirement of `key`; None of a pasted key, and of one that Stripe ended by itself."""
    return Retirement.objects.filter(key=key).first() if key.is_app_managed else None


def is_under_way(retirement: Retirement | None) -> bool:
    """Whether the end is seen soon; an overlap that Stripe itself ends may last for days."""
    return is_open(retirement) and not _is_overlap(retirement)


def is_open(retirement: Retirement | None) -> bool:
    """Whether the end has not been seen yet."""
    return retirement is not None and retirement.state in _OPEN


def needs_the_merchant(retirement: Retirement | None) -> bool:
    """Whether we could not end the key, so that only the merchant can."""
    return retirement is not None and not is_open(retirement) and retirement.outcome not in _SEEN


def in_words(retirement: Retirement | None) -> str:
    """A sentence; empty of a key that we need not end."""
    if retirement is None:
        return ""
    if is_open(retirement):
        return "Stripe ends it soon." if _is_overlap(retirement) else "It is being ended at Stripe."
    if retirement.outcome in _SEEN:
        return "It has ended at Stripe as well."
    return "We could not end it at Stripe. To make sure that nobody can use it, expire it there."


def _is_overlap(retirement: Retirement | None) -> bool:
    end = retirement.expired_at if retirement is not None else None
    return end is not None and end > timezone.now()
