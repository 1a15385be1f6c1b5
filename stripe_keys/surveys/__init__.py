"""What keys can do beyond what we need: asked at leisure, a portion at a time, and only of keys that are in use.

A survey is a row among its merchant's checks. Each run asks as many questions as the account's budget allows at once,
writes down the answers and puts the rest off: so no run comes near the queue's lease, a check that somebody waits for
goes in between, and a worker that dies costs one portion. It decides nothing: status and health stay as they are. If
Stripe refuses the key itself, or names another account, the survey ends and the key is checked at once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import sample, uniform
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from stripe_keys import (
    catalogue,
    gateway,
    incidents,
    ledger,
    lifecycle,
    needs,
    pace,
    permissions,
    survey_rows,
    validation,
)
from stripe_keys.catalogue import Probe, implied_permissions
from stripe_keys.gateway.answers import ALIVE, DEAD, THROTTLED_PROBLEMS, Answer, Finding
from stripe_keys.inspection import Inspection, Outcome, write_outcomes
from stripe_keys.models import PermissionCheck, RestrictedKey, Validation
from work import bell, engine
from work.pool import connection_to_pool

PLANNED_EVERY_SECONDS = 60
EVERY = timedelta(days=30)
SURVEYED, UNFINISHED, REFUSED, MOOT = "surveyed", "unfinished", "refused", "moot"
_SHARE_OF_SWEEPS = 0.25
_AGAIN_AFTER_FAILING = timedelta(days=1)
_LONGEST = timedelta(hours=6)
_NEXT_PORTION = timedelta(seconds=3)  # what a spent budget needs to fill up again
_PAUSE_SECONDS = 300.0
_OPEN = (Validation.State.WAITING, Validation.State.CLAIMED)


class AskedJustNow(Exception):
    """The key was surveyed moments ago, or is being surveyed; `retry_after` says when to ask again."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("The key was surveyed moments ago.")
        self.retry_after = retry_after


class NotInUse(Exception):
    """The key is not in use (any more), so nobody may ask what it can do."""


def questions(key: RestrictedKey | None = None) -> list[Probe]:
    """Everything in the catalogue that `key` does not need, and that does not come along with what it needs.

    Without a key: beyond what the app's manifest asks for.
    """
    required = needs.of(key) if key else permissions.required()
    expected = implied_permissions.included_in(one.permission for one in required)
    return [probe for name, probe in catalogue.PROBES.items() if name not in expected]


# --- Asking for one --------------------------------------------------------------------------------------------------


@transaction.atomic
def request(*, key: RestrictedKey, user: User, now: datetime) -> None:
    """Have `key` surveyed as soon as nothing more urgent is due.

    Raises:
        NotInUse: its rights are nobody's business, or there is nothing to ask with.
        AskedJustNow: that was done within the cool-down, or is being done.
    """
    key = lifecycle.locked(key)
    if not survey_rows.is_open_to(key):
        raise NotInUse
    recent = Validation.objects.surveys().filter(
        Q(created_at__gt=now - survey_rows.COOLDOWN) | Q(state__in=_OPEN), key=key
    )
    latest = recent.order_by("-created_at").first()
    if latest is not None:
        raise AskedJustNow(max(latest.created_at + survey_rows.COOLDOWN - now, timedelta(seconds=1)))
    survey_rows.create(key, now, user)
    bell.ring_on_commit(lifecycle.QUEUE, str(key.merchant_id), priority=lifecycle.LEISURELY)


def plan_surveys() -> None:
    """Have some keys surveyed that never were, or EVERY ago; called every PLANNED_EVERY_SECONDS."""
    plan(timezone.now(), limit=_keys_at_once())


def plan(now: datetime, *, limit: int) -> int:
    """Give at most `limit` keys a survey within the next period; returns how many. While Stripe is in trouble, none.

    First come keys whose permissions were changed and that nobody could look at then, then those never looked at.
    """
    if _trouble():
        return 0
    planned = 0
    for due in (
        ~Q(permissions_changed_at=None),
        Q(last_surveyed_at=None),
        Q(last_surveyed_at__lt=now - EVERY),
    ):
        for pk in list(_due(due, now).values_list("pk", flat=True)[: limit - planned]):
            planned += _plan_one(pk, now)
    return planned


def _keys_at_once() -> int:
    per_period = settings.KEY_SWEEP_REQUESTS_PER_SECOND * _SHARE_OF_SWEEPS * PLANNED_EVERY_SECONDS
    return max(1, int(per_period / max(1, len(questions()))))


def _due(when: Q, now: datetime) -> QuerySet[RestrictedKey]:
    of_key = Validation.objects.surveys().filter(key=OuterRef("pk"))
    tried = of_key.filter(Q(state__in=_OPEN) | Q(created_at__gt=now - _AGAIN_AFTER_FAILING))
    keys = RestrictedKey.objects.usable().filter(
        when, suspended_at=None, quarantined_at=None, account_is_claimed=False
    )
    return keys.exclude(Exists(tried)).order_by("last_surveyed_at")


@transaction.atomic
def _plan_one(pk: Any, now: datetime) -> bool:
    locked = _due(Q(pk=pk), now).select_for_update(skip_locked=True, of=("self",)).first()
    if locked is None:
        return False
    survey_rows.create(locked, now + timedelta(seconds=uniform(0, PLANNED_EVERY_SECONDS)))  # noqa: S311
    return True


# --- Carrying it out -------------------------------------------------------------------------------------------------


def process(row: Validation) -> None:
    """Ask one portion of what `row` has not asked yet: called outside any transaction, under a lease.

    Raises:
        Postpone: there is more to ask, or this is not the moment.
    """
    key = RestrictedKey.objects.select_related("merchant").get(pk=row.key_id)
    now = timezone.now()
    left = _left(row) if survey_rows.is_open_to(key) else []
    if not left or now - row.created_at > _LONGEST:
        # A few questions Stripe never answers; where it answered few, too little is known to call it a survey.
        is_most = 2 * len(left) < len(questions(key))
        _end(row, now, {probe.permission: Outcome.UNKNOWN for probe in left} if is_most else {})
        return
    _wait_for_a_good_moment(key)
    # Any of them, so that questions without an answer are not always the next ones.
    portion = sample(left, min(len(left), pace.at_once(livemode=key.livemode)))
    with pace.slow_places.place_for(pace.admit(key, len(portion))):
        secret = validation.opened(row, key)
        if secret is None:
            return
        connection_to_pool()
        findings = {probe.permission: finding for probe, finding in gateway.ask(secret, portion)}
    _take(row, findings, is_last=len(portion) == len(left))


def _left(row: Validation) -> list[Probe]:
    asked = set(PermissionCheck.objects.filter(validation=row).values_list("permission", flat=True))
    return [probe for probe in questions(row.key) if probe.permission not in asked]


def _wait_for_a_good_moment(key: RestrictedKey) -> None:
    restore = ledger.last_restore()
    if restore is not None and (key.last_ok_at is None or key.last_ok_at < restore.restored_at):
        raise engine.Postpone(_a_while(), "NotCheckedSinceRestore")
    if _trouble():
        raise engine.Postpone(_a_while(), "TroubleAtStripe")


def _trouble() -> bool:
    return any(incidents.open_now(kind) is not None for kind in incidents.Kind)


def _a_while() -> timedelta:
    return timedelta(seconds=uniform(_PAUSE_SECONDS / 2, _PAUSE_SECONDS))  # noqa: S311


def _take(row: Validation, findings: Mapping[str, Finding], *, is_last: bool) -> None:
    """Write down what was found out, as long as the key is still in use, and go on, rest or end."""
    now, found = timezone.now(), Inspection()
    for permission, finding in findings.items():
        found.note(permission, finding)
    accounts = {one.stripe_account_id for one in findings.values()} - {"", row.key.stripe_account_id}
    if accounts or found.answer in (*DEAD, Answer.ADDRESS_REFUSED):
        _end_with_a_check(row, now)
        return
    # What had no answer is asked again: at once among others, else after a while.
    heard = {name: found.outcomes[name] for name, one in findings.items() if one.answer in ALIVE}
    if is_last and len(heard) == len(findings):
        _end(row, now, heard)
        return
    with engine.hold(row):
        if survey_rows.is_open_to(lifecycle.locked(row.key)):
            write_outcomes(row, heard)
            if heard:  # no refusal before this is the first of two in a row
                RestrictedKey.objects.filter(pk=row.key_id).update(first_refused_at=None)
    is_throttled = any(one.problem in THROTTLED_PROBLEMS for one in findings.values())
    if is_last or is_throttled or 2 * len(heard) < len(findings):
        # Twice as late each time, so that a question that Stripe never answers is asked a few times only.
        raise engine.Postpone(max(_a_while(), now - row.created_at), "NoAnswers")
    raise engine.Postpone(_NEXT_PORTION, "MoreToAsk")


def _end_with_a_check(row: Validation, now: datetime) -> None:
    with engine.settle(row):
        key = lifecycle.locked(row.key)
        if key.is_usable:
            lifecycle.request_validation(key, reason=Validation.Reason.USE_REFUSED, now=now)
        _finish(row, REFUSED)


def _end(row: Validation, now: datetime, outcomes: Mapping[str, str]) -> None:
    with engine.settle(row):
        if not survey_rows.is_open_to(lifecycle.locked(row.key)):
            _finish(row, MOOT)
            return
        write_outcomes(row, dict(outcomes))
        if _left(row):
            _finish(row, UNFINISHED)
            return
        RestrictedKey.objects.filter(pk=row.key_id).update(
            last_surveyed_at=now, **({"first_refused_at": None} if outcomes else {})
        )
        _settle_change(row, now)
        _finish(row, SURVEYED)


def _finish(row: Validation, verdict: str) -> None:
    Validation.objects.filter(pk=row.pk).update(verdict=verdict)


def _settle_change(row: Validation, now: datetime) -> None:
    """What was asked after the last change is up to date; a change in the midst of it asks for another survey."""
    began = PermissionCheck.objects.filter(validation=row).aggregate(first=Min("checked_at"))["first"] or now
    changed = RestrictedKey.objects.filter(pk=row.key_id)
    if not changed.filter(permissions_changed_at__lte=began).update(permissions_changed_at=None):
        key = changed.get()
        if key.permissions_changed_at is not None:
            survey_rows.again(key, now)
