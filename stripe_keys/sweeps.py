"""Regular checks: which keys are looked at again, when, and how many at a time.

The next check of a key is set when the last one ends, somewhere in the last fifth of its period, so that keys that were
checked together drift apart. Planning turns keys that are due into checks: never more than
KEY_SWEEP_REQUESTS_PER_SECOND allows, evenly spaced, the most overdue first. However many are due at once after an
outage or a restart, Stripe sees the same steady trickle.
"""

from datetime import datetime, timedelta
from random import uniform
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Least

from stripe_keys import incidents, permissions
from stripe_keys.lifecycle import REGULAR
from stripe_keys.models import KeyUsage, PermissionCheck, RestrictedKey, Validation

PLANNED_EVERY_SECONDS = 30
KEPT_FOR = timedelta(days=30)
_PRUNED_AT_ONCE = 5000
_UNUSED_FOR = timedelta(days=30)
_YOUNG_FOR = timedelta(days=7)
_EXPIRING, _DOUBTFUL, _QUIET = 0.25, 0.5, 0.75

_ADVISORY_LOCK = 0x5357454550  # "SWEEP"
# Keys are only read: changing or locking their rows, scattered over the whole table, would cost more than the rest.
_PLAN = """
    WITH due AS (
        SELECT key.id, key.merchant_id FROM {keys} key
        WHERE key.status IN ('pending', 'active', 'limited') AND key.next_check_at <= %(now)s
          AND NOT key.awaits_account_confirmation AND NOT key.awaits_account_id
          AND NOT EXISTS (
            SELECT FROM {checks} open
            WHERE open.key_id = key.id AND open.state IN ('waiting', 'claimed') AND open.reason <> 'survey'
          )
        ORDER BY key.next_check_at LIMIT %(limit)s
    ), queue AS (
        SELECT id, merchant_id, row_number() OVER () - 1 AS place FROM due
    )
    INSERT INTO {checks} (key_id, merchant_id, lane, reason, verdict, priority, state, attempts, fence, claimed_by,
        problem, due_at)
    SELECT id, merchant_id, merchant_id::text, 'periodic', '', %(priority)s, 'waiting', 0, 0, '', '',
        %(now)s + %(seconds)s * interval '1 second' * (place + random()) / %(limit)s
    FROM queue"""


def keys_per_sweep() -> int:
    """How many keys one planning may have checked, so that all checks together stay within the rate."""
    per_check = permissions.most_required() + 2
    return max(1, int(settings.KEY_SWEEP_REQUESTS_PER_SECOND * PLANNED_EVERY_SECONDS / per_check))


def plan(now: datetime, *, limit: int | None = None) -> int:
    """Give keys whose next check is due a check each; returns how many. While Stripe is down, none.

    One statement: its cost grows with the keys that it plans, not with those that exist. One planner at a time; another
    one that comes meanwhile plans none. A key that ends or is checked meanwhile gets a check that finds nothing to do.
    """
    if incidents.open_now(incidents.Kind.OUTAGE) is not None:
        return 0
    quote = connection.ops.quote_name
    statement = _PLAN.format(
        keys=quote(RestrictedKey._meta.db_table), checks=quote(Validation._meta.db_table)
    )
    values: dict[str, Any] = {
        "now": now,
        "limit": keys_per_sweep() if limit is None else limit,
        "priority": REGULAR,
        "seconds": PLANNED_EVERY_SECONDS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # A statement of its own: the next one then sees what another planner has planned. Nobody waits for the other.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def next_check(key: RestrictedKey, now: datetime) -> datetime:
    """When `key`, which Stripe accepted just now, is looked at again: never later than KEY_CHECK_PERIOD_SECONDS.

    Sooner where a change is likely, or where nobody but us would notice it.
    """
    period = timedelta(seconds=settings.KEY_CHECK_PERIOD_SECONDS)
    moment = now + period * _share_of_period(key, now) * uniform(0.8, 1.0)  # noqa: S311
    if key.expires_at is not None and key.expires_at > now:
        return min(moment, key.expires_at + timedelta(seconds=1))
    return moment


def _share_of_period(key: RestrictedKey, now: datetime) -> float:
    if key.expires_at is not None or key.rotated_at is not None:
        return _EXPIRING
    if key.consecutive_failures or key.first_refused_at or key.status != RestrictedKey.Status.ACTIVE:
        return _DOUBTFUL
    if now - key.created_at < _YOUNG_FOR:
        return _DOUBTFUL
    used = KeyUsage.objects.filter(key=key, day__gt=(now - _UNUSED_FOR).date())
    return 1.0 if used.exists() else _QUIET


def forget_old_checks(now: datetime) -> int:
    """Delete checks that ended KEPT_FOR ago and whose results have been superseded; returns how many.

    In batches, each a transaction of its own.
    """
    told = PermissionCheck.objects.filter(validation=OuterRef("pk"))
    old = Validation.objects.filter(finished_at__lt=now - KEPT_FOR).exclude(Exists(told)).order_by("pk")
    count = 0
    while batch := list(old.values_list("pk", flat=True)[:_PRUNED_AT_ONCE]):
        deleted, _ = Validation.objects.filter(pk__in=batch).delete()
        count += deleted
    return count


def bring_forward(
    *,
    since: datetime,
    now: datetime,
    after: UUID | None = None,
    stripe_account_id: str = "",
    limit: int = 1000,
) -> list[UUID]:
    """Have keys that were not looked at since then checked next, at the pace of regular checks; returns whose they are.

    The first `limit` of them in the order of their ids, beyond `after`; fewer than that were the last. A key that
    somebody is just working on is passed over.
    """
    late = RestrictedKey.objects.kept().filter(awaits_account_confirmation=False, awaits_account_id=False)
    late = late.filter(Q(last_checked_at__isnull=True) | Q(last_checked_at__lt=since))
    if after is not None:
        late = late.filter(pk__gt=after)
    if stripe_account_id:
        late = late.filter(stripe_account_id=stripe_account_id)
    with transaction.atomic():
        locked = late.order_by("pk").select_for_update(of=("self",), skip_locked=True)
        ids = list(locked.values_list("pk", flat=True)[:limit])
        # PostgreSQL's LEAST passes over NULL.
        RestrictedKey.objects.filter(pk__in=ids).update(next_check_at=Least("next_check_at", Value(now)))
    return ids
