"""A key's announced end in words: when, how long that is from now, and what takes its place, and who sees to that."""

from datetime import datetime, timedelta
from math import floor

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime

from stripe_keys import managed_problems
from stripe_keys.models import KeyManagement, RestrictedKey, RestrictedKeyQuerySet

LONGEST_OVERLAP = timedelta(days=7)  # Stripe lets a rotated key live no longer than this
_A_LITTLE = timedelta(minutes=6)  # "in 3 days" is said of six minutes less, too
_A_YEAR = timedelta(days=366)
_UNITS = (
    (_A_YEAR, 2, "year", _A_LITTLE),
    (timedelta(days=1), 2, "day", _A_LITTLE),
    (timedelta(hours=1), 2, "hour", _A_LITTLE),
    (timedelta(minutes=1), 1, "minute", timedelta()),
)
_CAN_DO_LESS = "less_than_the_old_key"
_FOR_ITS_MERCHANT = ("address_refused", "account_refused", "account_unknown")


def written(moment: datetime) -> str:
    """A moment in words, in the site's time zone, with its name."""
    return f"{date_format(localtime(moment), 'j F Y, H:i')} {localtime(moment).tzname()}"


def countdown(end: datetime, now: datetime) -> str:
    """How long it is until `end`, rounded down so that nobody counts on more: "in 2 days", "in 47 hours", "any moment".

    Two years and more are counted in years, two days and more in days, two hours and more in hours.
    """
    if end - now > 100 * _A_YEAR:
        return "in more than 100 years"
    for unit, least, name, slack in _UNITS:
        count = floor((end - now + slack) / unit)
        if count >= least:
            return f"in {count} {name}{'' if count == 1 else 's'}"
    return "any moment"


def successor_of(key: RestrictedKey) -> RestrictedKey | None:
    """The key that was pasted in place of `key`, and has not taken over yet."""
    rivals = RestrictedKey.objects.filter(
        merchant=key.merchant_id,
        livemode=key.livemode,
        purpose=key.purpose,
        status=RestrictedKey.Status.PENDING,
    )
    return rivals.exclude(pk=key.pk).first()


def successors_on_their_way() -> RestrictedKeyQuerySet:
    """For a subquery: successors of the outer key that need nothing from their merchant (see `asks_its_merchant`)."""
    rivals = RestrictedKey.objects.filter(
        merchant=OuterRef("merchant"),
        livemode=OuterRef("livemode"),
        purpose=OuterRef("purpose"),
        status=RestrictedKey.Status.PENDING,
        awaits_account_confirmation=False,
        awaits_account_id=False,
        suspended_at=None,
        quarantined_at=None,
    )
    return rivals.exclude(last_problem__in=_FOR_ITS_MERCHANT)


def asks_its_merchant(successor: RestrictedKey) -> bool:
    """Whether this successor goes on only after its merchant, or support, has done something."""
    waits_for_people = (
        successor.awaits_account_confirmation
        or successor.awaits_account_id
        or successor.suspended_at is not None
        or successor.quarantined_at is not None
    )
    return waits_for_people or successor.last_problem in _FOR_ITS_MERCHANT


def is_renewed(key: RestrictedKey) -> bool:
    """Whether the app puts another key in the place of `key` by itself, so that its merchant need not do anything."""
    return key.is_app_managed and _renewing().filter(_place_of(key), problem="").exists()


def why_not_renewed(key: RestrictedKey) -> str:
    """What keeps the app from doing so, for its merchant; empty where nothing does, or where it is not to."""
    if not key.is_app_managed:
        return ""
    problem = _renewing().filter(_place_of(key)).values_list("problem", flat=True).first()
    return managed_problems.FOR_MERCHANTS.get(problem or "", "")


def managements_that_renew() -> QuerySet[KeyManagement]:
    """For a subquery: where the app puts another key in the place of the outer one by itself."""
    place = Q(merchant=OuterRef("merchant"), livemode=OuterRef("livemode"), purpose=OuterRef("purpose"))
    return _renewing().filter(place, problem="")


def _renewing() -> QuerySet[KeyManagement]:
    offered = [mode == "live" for mode in settings.MANAGED_KEYS]
    return KeyManagement.objects.filter(is_on=True, livemode__in=offered)


def _place_of(key: RestrictedKey) -> Q:
    return Q(merchant=key.merchant_id, livemode=key.livemode, purpose=key.purpose)


def takes_over_at_the_end(successor: RestrictedKey) -> bool:
    """Whether this successor is good, and waits for the old key's end alone, as it can do less."""
    return successor.last_problem == _CAN_DO_LESS and not asks_its_merchant(successor)
