"""A refused call means that a key is not what its last check found any more: have it checked at once, not each time."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from stripe_keys import lifecycle
from stripe_keys.models import KeyUsage, RestrictedKey, Validation
from stripe_keys.usage.rows import wait_briefly

Outcome = KeyUsage.Outcome
_FOLLOWS_A_REFUSAL = (Validation.Reason.USE_REFUSED, Validation.Reason.SECOND_LOOK)
_LOOKS_BACK = timedelta(days=1)
_LONGEST_PAUSE = timedelta(hours=1)


def look_into(key_id: UUID, outcome: str, now: datetime) -> None:
    """Have the key checked because a call was refused, unless that was done lately or is being done.

    A call that goes on being refused (code that calls what the app has no permission for) is followed up less and less
    often, once an hour in the end: every check costs the merchant some of their rate limit.
    """
    with transaction.atomic():
        wait_briefly()
        usable = RestrictedKey.objects.usable().select_for_update(of=("self",))
        key = usable.select_related("merchant").filter(pk=key_id).first()
        if key is None or _is_being_checked(key):
            return
        delay = _until_the_next(key, outcome, now)
        if delay is not None:
            lifecycle.request_validation(key, reason=Validation.Reason.USE_REFUSED, now=now, delay=delay)


def _until_the_next(key: RestrictedKey, outcome: str, now: datetime) -> timedelta | None:
    """How long to wait before `key` is checked; None not to check it for this refusal."""
    lately = Validation.objects.filter(
        key=key,
        reason=Validation.Reason.USE_REFUSED,
        verdict__in=RestrictedKey.USABLE,
        finished_at__gt=now - _LOOKS_BACK,
    )
    ends = list(lately.order_by("-finished_at").values_list("finished_at", flat=True)[:20])
    if not ends or ends[0] is None:
        return timedelta()
    cooldown = timedelta(seconds=settings.KEY_CHECK_COOLDOWN_SECONDS)
    is_news = outcome == Outcome.UNAUTHORIZED and key.last_problem != "address_refused"
    pause = cooldown if is_news else min(cooldown * 2 ** (len(ends) - 1), max(_LONGEST_PAUSE, cooldown))
    left = ends[0] + pause - now
    if left <= timedelta():
        return timedelta()
    # The check of a moment ago found the key alive, and now it is refused: that must not wait for the daily check.
    return left if is_news else None


def _is_being_checked(key: RestrictedKey) -> bool:
    """Whether a check that decides about the key waits or runs, which this refusal may have come before."""
    looks = Validation.objects.checks().filter(key=key)
    soon = Q(state=Validation.State.WAITING, reason__in=_FOLLOWS_A_REFUSAL)
    return looks.filter(soon | Q(state=Validation.State.CLAIMED)).exists()
