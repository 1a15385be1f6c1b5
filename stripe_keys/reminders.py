"""Reminders of a key's end, sent at moments before it: three days, one day and three hours.

Each mark counts once. One that lies shortly after the last mail about the end is left out, so that a short overlap
makes few mails; one that an outage of ours made late is left out if a later one is due by now.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from accounts.models import Notice
from stripe_keys import endings, lifecycle, mails
from stripe_keys.models import RestrictedKey, RestrictedKeyQuerySet

SENT_EVERY_SECONDS = 300
MARKS = {"3-days": timedelta(days=3), "1-day": timedelta(days=1), "3-hours": timedelta(hours=3)}
SHORT_WHILE = timedelta(hours=3)
_AT_ONCE = 500


def remind() -> None:
    """The periodic job."""
    send_due(timezone.now())


def send_due(now: datetime) -> int:
    """Remind the merchants whose keys end soon, where a mark has passed; returns of how many keys.

    At most _AT_ONCE of each mark in one run, those that end first first; the others follow with the next.
    """
    sent = 0
    for mark in MARKS:
        due = _due(mark, now).order_by("expires_at", "pk")
        for key in due.select_related("merchant")[:_AT_ONCE]:
            with transaction.atomic():
                sent += _remind_of(key, mark, now)
    return sent


def _remind_of(key: RestrictedKey, mark: str, now: datetime) -> bool:
    """Under its lock, so that no successor takes over meanwhile."""
    key = lifecycle.locked(key)
    if not _due(mark, now).filter(pk=key.pk).exists():
        return False
    mails.tell_ending(key, mark=mark, successor=endings.successor_of(key), now=now)
    return True


def _due(mark: str, now: datetime) -> RestrictedKeyQuerySet:
    """The keys of which this is the latest mark that has passed, and whose merchants were told nothing since.

    Not those whose successor needs nothing from its merchant, nor those that nobody uses until something else is done,
    nor those that the app replaces by itself.
    """
    later = [lead for lead in MARKS.values() if lead < MARKS[mark]]
    ends = Q(expires_at__gt=now + max(later, default=timedelta()), expires_at__lte=now + MARKS[mark])
    keys = RestrictedKey.objects.usable().filter(ends, suspended_at=None, quarantined_at=None)
    keys = keys.exclude(Exists(endings.managements_that_renew()), managed_by=RestrictedKey.ManagedBy.APP)
    return keys.exclude(Exists(_told_shortly_before(mark))).exclude(Exists(endings.successors_on_their_way()))


def _told_shortly_before(mark: str) -> QuerySet[Notice]:
    """What the merchant of the outer key was told of its end after, or shortly before, that mark passed."""
    of_key = [
        Q(dedupe_key__startswith=Concat(Value(f"{what}:"), Cast(OuterRef("pk"), CharField()), Value(":")))
        for what in ("rotated", "ending")
    ]
    since = OuterRef("expires_at") - MARKS[mark] - SHORT_WHILE
    return Notice.objects.filter(of_key[0] | of_key[1], merchant=OuterRef("merchant"), created_at__gt=since)
