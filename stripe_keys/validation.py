"""What a worker does with one check of one key: whose key, which account, every permission, then one verdict.

Only a confirmed 401 ends a key that has worked: Stripe's word that it expired, an event of Stripe's naming it together
with a 401, or two 401s KEY_CONFIRM_DEAD_AFTER_SECONDS apart. What Stripe cannot answer leaves the status as it is.
"""

import logging
from datetime import datetime, timedelta
from random import uniform

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from stripe_keys import (
    contradictions,
    doubts,
    incidents,
    lifecycle,
    ownership,
    pace,
    quarantine,
    survey_rows,
    sweeps,
    takeover,
    vault,
)
from stripe_keys.gateway.answers import DEAD, Answer
from stripe_keys.incidents import brake
from stripe_keys.incidents.brake import Ruling
from stripe_keys.inspection import Inspection, budget_of, inspect, write_outcomes
from stripe_keys.ledger import entries
from stripe_keys.models import RestrictedKey, Validation
from stripe_keys.ownership import Standing
from stripe_keys.secret import Secret
from work import engine

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
EXPIRY_LOOKS = 6
_VAULT_PAUSE = timedelta(minutes=1)
_FIRST_RETRY, _LONGEST_RETRY = timedelta(seconds=2), timedelta(minutes=10)
# Stripe has answered, and only people can change what it says: that is no trouble of Stripe's or of the account's.
_FOR_PEOPLE = ("address_refused", "account_refused", "account_unknown")


class Withheld(engine.Postpone):
    """The key is of no use, and it is too early to say so: all is as if Stripe had not been asked, and it is again."""


def process(row: Validation) -> None:
    """Check the key of `row` and settle it: the engine calls this outside any transaction, under a lease.

    Raises:
        StripeIsDown, Breather, Withheld: not now; the row waits and nothing is marked.
    """
    key = row.key = RestrictedKey.objects.get(pk=row.key_id)
    if not key.is_kept:
        with engine.settle(row):
            _finish(row, "moot")
        return
    incidents.wait_out_an_outage(row)
    with pace.slow_places.place_for(pace.admit(key, budget_of(key))):
        secret = opened(row, key)
        if secret is None:
            return
        inspection = inspect(row, key, secret)
    now = timezone.now()
    with engine.settle(row):
        inspection.has_changed |= write_outcomes(row, inspection.outcomes)
        _conclude(row, inspection, now)


def opened(row: Validation, key: RestrictedKey) -> Secret | None:
    """The key's text; None if there is nothing to check, which settles the row.

    A key that was erased since it was read is moot; one that is still kept, with nothing stored or with what was put
    back after an erasure, is as unreadable as one that does not open.

    While the vault itself is in trouble the check waits: nothing is known about the key.
    """
    lifecycle.record_use(key, actor="validation worker", reason=row.get_reason_display())
    try:
        if not entries.was_erased(key):
            return vault.decrypt(key)
    except vault.NothingStored:
        pass
    except vault.WillNotOpen:
        now = timezone.now()
        with engine.settle(row):
            quarantine.quarantine(key=key, now=now)
            _unreadable(row, key, now)
        return None
    except vault.VaultError as problem:
        log.critical("the vault opens nothing now: %s", type(problem).__name__, extra={"key": str(key.pk)})
        if row.reason != Validation.Reason.SURVEY:
            RestrictedKey.objects.kept().filter(pk=key.pk).update(last_problem="check_failed")
        raise engine.Postpone(_VAULT_PAUSE, type(problem).__name__) from None
    now = timezone.now()
    with engine.settle(row):
        if contradictions.settle(key=key, now=now):
            _unreadable(row, key, now)
        else:
            _finish(row, "moot")
    return None


def _unreadable(row: Validation, key: RestrictedKey, now: datetime) -> None:
    RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=sweeps.next_check(key, now))
    _finish(row, "unreadable")


def gave_up(row: Validation) -> None:
    """A check failed again and again through a fault of ours: say so on the key, and let the sweep plan another."""
    if row.reason == Validation.Reason.SURVEY:
        return
    RestrictedKey.objects.kept().filter(pk=row.key_id).update(
        last_problem="check_failed", next_check_at=timezone.now() + _LONGEST_RETRY
    )


def give_up_on(key: RestrictedKey) -> None:
    """Reject a key that could not be proven in all that time; the caller holds its lock."""
    if key.status == Status.PENDING:
        reason = f"It could not be proven within {settings.PENDING_KEY_LIFETIME_DAYS} days."
        lifecycle.move(key, Status.REJECTED, actor="the site", reason=reason, last_problem="never_proven")


# --- Concluding (inside the settling transaction) ---------------------------------------------------------------------


def _conclude(row: Validation, inspection: Inspection, now: datetime) -> None:
    ownership.wait_for_turn(row)
    key = lifecycle.locked(row.key)
    if not key.is_kept:
        _finish(row, "moot")
        return
    if key.account_is_claimed and not row.key.account_is_claimed:
        raise engine.Postpone(timedelta(), "AccountNamedMeanwhile")  # Stripe was not asked about that account
    quarantine.lift(key)
    is_alive = inspection.is_accepted and inspection.answer not in DEAD
    seen = {"last_checked_at": now, **({"first_refused_at": None} if is_alive else {})}
    RestrictedKey.objects.filter(pk=key.pk).update(**seen)
    if inspection.answer is not Answer.UNKNOWN:
        incidents.note_answer()
    if inspection.answer in DEAD:
        _refused(row, key, now, has_expired=inspection.answer is Answer.EXPIRED)
    elif ownership.names_another(key, inspection) and ownership.stop(key, inspection, now):
        RestrictedKey.objects.kept().filter(pk=key.pk).update(next_check_at=sweeps.next_check(key, now))
        _finish(row, ownership.ANOTHER)
    elif ownership.would_betray(key, inspection):
        _refused_newcomer(row, key, now, "This key could not be used from here.")
    elif inspection.answer in (Answer.ADDRESS_REFUSED, Answer.UNKNOWN):
        _no_answer(row, key, inspection, now)
    else:
        _accepted(row, key, inspection, now)


def _finish(row: Validation, verdict: str) -> None:
    # The end is written by the engine too; here it lets the present verdict count among the latest ones.
    Validation.objects.filter(pk=row.pk).update(verdict=verdict, finished_at=Now())


def _end(row: Validation, key: RestrictedKey, reason: str, now: datetime) -> None:
    to = Status.REJECTED if key.status == Status.PENDING else Status.EXPIRED
    problem = "not_usable" if to == Status.REJECTED else "key_expired"
    lifecycle.move(key, to, actor="Stripe", reason=reason, last_problem=problem)
    if to == Status.EXPIRED:
        takeover.after_the_end(key, now)
    _finish(row, to)


def _refused(row: Validation, key: RestrictedKey, now: datetime, *, has_expired: bool) -> None:
    """A 401. One is enough where Stripe names the expiry or an event has announced it; else it takes two, apart."""
    if key.status == Status.PENDING:
        _refused_newcomer(row, key, now, "Stripe refused this key.")
        return
    pace.note_answered(key)
    first = brake.note_refusal(key, now)
    spacing = timedelta(seconds=settings.KEY_CONFIRM_DEAD_AFTER_SECONDS)
    is_named, is_second = row.reason == Validation.Reason.EXPIRY_EVENT, now - first >= spacing
    is_confirmed = has_expired or is_named or is_second
    ruling = brake.rule(key, is_confirmed=is_confirmed, is_named=is_named, now=now)
    if ruling is Ruling.HOLD:
        brake.hold(key, now)
        _finish(row, brake.HELD)
    elif ruling is Ruling.DEAD:
        twice = "Stripe refused this key twice." if is_second else "Stripe refused this key."
        _end(row, key, "Stripe says that this key has expired." if has_expired else twice, now)
    else:
        _finish(row, brake.REFUSED_ONCE)
        delay = brake.HEARING if is_confirmed else max(first + spacing - now, timedelta(seconds=1))
        lifecycle.request_validation(key, reason=Validation.Reason.SECOND_LOOK, now=now, delay=delay)


def _refused_newcomer(row: Validation, key: RestrictedKey, now: datetime, reason: str) -> None:
    """A key that never worked, refused or of no use here: it ends, or waits while Stripe refuses good ones too.

    Whatever the cause, so that the wait does not tell a thief which of his keys are alive; and never sooner than
    KEY_SHORTEST_CHECK_SECONDS after the paste, so that Stripe's pace does not tell either.
    """
    early = key.created_at + timedelta(seconds=settings.KEY_SHORTEST_CHECK_SECONDS) - now
    if early > timedelta():
        raise Withheld(early, Validation.WITHHELD)
    if brake.is_on():
        brake.hold(key, now)
        _finish(row, brake.REFUSED_PENDING)
    else:
        _end(row, key, reason, now)


def _no_answer(row: Validation, key: RestrictedKey, inspection: Inspection, now: datetime) -> None:
    """Nothing is known: the status stays, and the next look comes soon, later each time, never in step with others."""
    failures = key.consecutive_failures + 1
    RestrictedKey.objects.filter(pk=key.pk).update(
        consecutive_failures=failures, last_problem=inspection.problem or "no_answer", next_check_at=None
    )
    longest = min(_FIRST_RETRY * 2 ** min(failures, 10), _LONGEST_RETRY)
    lifecycle.request_validation(key, reason=row.reason, now=now, delay=longest * uniform(0.5, 1.0))  # noqa: S311
    if inspection.problem in _FOR_PEOPLE:
        if _speaks_for_its_account(key):
            pace.note_answered(key)
        _finish(row, "unproven")
        return
    if doubts.is_doubtful(inspection):
        _finish(row, doubts.CONTRADICTED)
        doubts.tell_of_many(key, now)
    elif inspection.answer is not Answer.UNKNOWN:
        _finish(row, incidents.INCOMPLETE)
    elif inspection.is_throttled:
        _finish(row, incidents.THROTTLED)
    else:
        _finish(row, incidents.UNKNOWN)
        incidents.note_no_answer(now)
    if _speaks_for_its_account(key) and incidents.open_now(incidents.Kind.OUTAGE) is None:
        pace.note_trouble(key, now)  # during an outage it is not the account's


def _speaks_for_its_account(key: RestrictedKey) -> bool:
    """Whether what Stripe says of `key` says something of the merchant's account: not before it is proven to be theirs.

    Else the merchant's pace would tell a thief what Stripe says of keys that are not his.
    """
    return key.status != Status.PENDING or (bool(key.stripe_account_id) and not key.account_is_claimed)


def _accepted(row: Validation, key: RestrictedKey, inspection: Inspection, now: datetime) -> None:
    if key.status == Status.PENDING and not _is_theirs(row, key, inspection, now):
        return
    ownership.learn(key, inspection)
    if not inspection.is_probed:
        # The account became theirs while we asked, so its permissions were not asked for.
        lifecycle.request_validation(key, reason=row.reason, now=now, delay=timedelta(seconds=1))
        _finish(row, "bound_meanwhile")
        return
    unclear = ownership.unclear_permissions(key, inspection)
    is_unclear = bool(unclear) and not inspection.missing
    is_ok = inspection.is_complete or inspection.is_proven
    health = {"consecutive_failures": 0, "last_problem": "permission_unclear" if is_unclear else ""}
    RestrictedKey.objects.filter(pk=key.pk).update(
        first_refused_at=None,
        **({"last_ok_at": Now()} if is_ok else {}),
        next_check_at=sweeps.next_check(key, now),
        **(health if inspection.is_complete else {}),
    )
    if key.status == Status.PENDING:  # then its account has been written down
        key.refresh_from_db()
    if inspection.is_complete:
        pace.note_answered(key)
    else:
        _no_answer(row, key, inspection, now)
    if is_ok and (inspection.is_complete or inspection.missing):
        # Written with the end: nothing counts good verdicts before that.
        row.verdict = takeover.settle_status(key, missing=inspection.missing, unclear=unclear, now=now)
    if inspection.has_changed:
        survey_rows.permissions_changed(key, now)
    if row.reason == Validation.Reason.EXPIRY_EVENT:
        _look_again_after_the_end(key, now)


def _look_again_after_the_end(key: RestrictedKey, now: datetime) -> None:
    """Stripe announces an end some seconds before the secret stops working; a false alarm is not followed for ever."""
    recent = Validation.objects.filter(key=key, reason=Validation.Reason.EXPIRY_EVENT, verdict__in=key.USABLE)
    if recent.filter(created_at__gte=now - timedelta(minutes=10)).count() < EXPIRY_LOOKS - 1:
        delay = timedelta(seconds=settings.KEY_EXPIRY_LAG_SECONDS)
        lifecycle.request_validation(key, reason=Validation.Reason.EXPIRY_EVENT, now=now, delay=delay)


def _is_theirs(row: Validation, key: RestrictedKey, inspection: Inspection, now: datetime) -> bool:
    """Whether the key's account is this merchant's. If not, the key ends or waits."""
    standing = Standing.FOREIGN  # as is a made-up text that Stripe accepts
    if key.stands_in_for_id is None:
        standing = ownership.settle(key, inspection, now)
    if standing is Standing.FOREIGN:
        _refused_newcomer(row, key, now, "This key could not be used with the connected account.")
    elif standing is Standing.UNHEARD:
        _no_answer(row, key, inspection, now)
    elif standing is not Standing.THEIRS:
        _finish(row, standing)
    return standing is Standing.THEIRS
