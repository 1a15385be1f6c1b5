"""What a key was used for lately, by permission: read from the daily counts of calls, which hold no ids."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Min, Sum

from stripe_keys import needs, permissions
from stripe_keys.catalogue import implied_permissions
from stripe_keys.catalogue.path_permissions import permissions_for
from stripe_keys.models import KeyUsage, RestrictedKey

DAYS = 30


@dataclass(frozen=True)
class Used:
    """How often calls needed one permission, and how often Stripe refused them for want of it."""

    permission: str
    label: str
    access: str
    calls: int
    refused: int
    is_asked_for: bool


@dataclass(frozen=True)
class Usage:
    """The calls with one key since `since`, at most DAYS ago; `since` is None if none was ever counted.

    `other_calls` are those of which it is not known which permission they need.
    """

    since: date | None
    is_whole: bool
    used: tuple[Used, ...]
    other_calls: int

    @property
    def refused(self) -> list[Used]:
        """What was tried and refused."""
        return [one for one in self.used if one.refused]

    @property
    def permissions(self) -> frozenset[str]:
        """What was needed, refused or not."""
        return frozenset(one.permission for one in self.used)


def of(key: RestrictedKey, now: datetime) -> Usage:
    """What `key` was used for in the DAYS up to `now`."""
    earliest: date = now.date() - timedelta(days=DAYS - 1)
    rows = KeyUsage.objects.filter(key=key)
    first: date | None = rows.aggregate(first=Min("day"))["first"]
    if first is None:
        return Usage(None, is_whole=False, used=(), other_calls=0)
    calls, refused = Counter[str](), Counter[str]()
    other = 0
    counted = (
        rows.filter(day__gte=earliest).values_list("method", "template", "outcome").annotate(Sum("count"))
    )
    for method, template, outcome, count in counted:
        needed = permissions_for(method, template)
        other += 0 if needed else count
        for permission in needed:
            calls[permission] += count
            refused[permission] += count if outcome == KeyUsage.Outcome.FORBIDDEN else 0
    asked_for = implied_permissions.included_in(one.permission for one in needs.of(key))
    used = tuple(_used(name, calls[name], refused[name], name in asked_for) for name in calls)
    most_used_first = tuple(sorted(used, key=lambda one: (-one.calls, one.label)))
    return Usage(max(first, earliest), is_whole=first <= earliest, used=most_used_first, other_calls=other)


def _used(permission: str, calls: int, refused: int, is_asked_for: bool) -> Used:
    access = permission.rpartition("_")[2]
    return Used(permission, permissions.label_of(permission), access, calls, refused, is_asked_for)
