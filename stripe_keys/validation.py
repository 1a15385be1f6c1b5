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

from stripe_keys import contradictions, ledger_entries, lifecycle, quarantine, takeover, vault
from stripe_keys.gateway import Answer
from stripe_keys.inspection import Inspection, install_of, may_see_permissions, probe_permissions, whose
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret
from work import engine

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
Outcome = PermissionCheck.Outcome
EXPIRY_LOOKS = 6
_VAULT_PAUSE = timedelta(minutes=1)
_FIRST_RETRY, _LONGEST_RETRY = timedelta(seconds=2), timedelta(minutes=10)


def process(row: Validation) -> None:
    """Check the key of `row` and settle it: the engine calls this outside any transaction, under a lease."""
    key = RestrictedKey.objects.select_related("merchant").get(pk=row.key_id)
    if not key.is_kept:
        with engine.settle(row):
            Validation.objects.filter(pk=row.pk).update(verdict="moot")
        return
    secret = _opened(row, key)
    if secret is None:
        return
    inspection = whose(key, secret)
    if inspection.answer is Answer.GRANTED and may_see_permissions(key, inspection):
        probe_permissions(row, secret, inspection)
    with engine.settle(row):
        _conclude(row, inspection, timezone.now())


def _opened(row: Validation, key: RestrictedKey) -> Secret | None:
    """The key's text; None if there is nothing to check, which settles the row.

    A key that was erased since it was read is moot; one that is still kept, with nothing stored or with what was put
    back after an erasure, is as unreadable as one that does not open.

    While the vault itself is in trouble the check waits: nothing is known about the key.
    """
    lifecycle.record_use(key, actor="validation worker", reason=row.get_reason_display())
    try:
        if not ledger_entries.was_erased(key):
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
    RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=_next_check(key, now))
    _finish(row, "unreadable")


def gave_up(row: Validation) -> None:
    """A check failed again and again through a fault of ours: say so on the key, and let the sweep plan another."""
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
    key = lifecycle.locked(row.key)
    if not key.is_kept:
        _finish(row, "moot")
        return
    quarantine.lift(key)
    RestrictedKey.objects.filter(pk=key.pk).update(
        last_checked_at=now, stripe_key_id=key.stripe_key_id or inspection.stripe_key_id
    )
    if inspection.answer is Answer.EXPIRED:
        _end(row, key, "Stripe says that this key has expired.", now)
    elif inspection.answer is Answer.REFUSED:
        _refused(row, key, now)
    elif inspection.answer in (Answer.ADDRESS_REFUSED, Answer.UNKNOWN):
        _no_answer(row, key, inspection.problem, now)
    else:
        _accepted(row, key, inspection, now)


def _finish(row: Validation, verdict: str) -> None:
    Validation.objects.filter(pk=row.pk).update(verdict=verdict)


def _end(row: Validation, key: RestrictedKey, reason: str, now: datetime) -> None:
    to = Status.REJECTED if key.status == Status.PENDING else Status.EXPIRED
    problem = "not_usable" if to == Status.REJECTED else "key_expired"
    lifecycle.move(key, to, actor="Stripe", reason=reason, last_problem=problem)
    if to == Status.EXPIRED:
        takeover.after_the_end(key, now)
    _finish(row, to)


def _refused(row: Validation, key: RestrictedKey, now: datetime) -> None:
    spacing = timedelta(seconds=settings.KEY_CONFIRM_DEAD_AFTER_SECONDS)
    first = key.first_refused_at
    if key.status == Status.PENDING or row.reason == Validation.Reason.EXPIRY_EVENT:
        _end(row, key, "Stripe refused this key.", now)
    elif first is not None and now - first >= spacing:
        _end(row, key, "Stripe refused this key twice.", now)
    else:
        first = first or now
        RestrictedKey.objects.filter(pk=key.pk).update(first_refused_at=first, last_problem="key_refused")
        lifecycle.request_validation(
            key,
            reason=Validation.Reason.SECOND_LOOK,
            now=now,
            delay=max(first + spacing - now, timedelta(seconds=1)),
        )
        _finish(row, "refused_once")


def _no_answer(row: Validation, key: RestrictedKey, problem: str, now: datetime) -> None:
    """Nothing is known: the status stays, and the next look comes soon, later each time, never in step with others."""
    failures = key.consecutive_failures + 1
    RestrictedKey.objects.filter(pk=key.pk).update(
        consecutive_failures=failures, last_problem=problem or "no_answer", next_check_at=None
    )
    longest = min(_FIRST_RETRY * 2 ** min(failures, 10), _LONGEST_RETRY)
    lifecycle.request_validation(key, reason=row.reason, now=now, delay=longest * uniform(0.5, 1.0))  # noqa: S311
    _finish(row, "unknown")


def _accepted(row: Validation, key: RestrictedKey, inspection: Inspection, now: datetime) -> None:
    if key.status == Status.PENDING and not _is_bound(row, key, inspection, now):
        return
    if (
        not inspection.is_probed
    ):  # the account became theirs while we asked; its permissions were not asked for
        lifecycle.request_validation(key, reason=row.reason, now=now)
        _finish(row, "bound_meanwhile")
        return
    alive = RestrictedKey.objects.filter(pk=key.pk)
    alive.update(first_refused_at=None, last_ok_at=Now(), next_check_at=_next_check(key, now))
    key.refresh_from_db()
    if inspection.is_complete:
        alive.update(consecutive_failures=0, last_problem="")
    else:
        _no_answer(row, key, inspection.problem, now)
    if inspection.is_complete or inspection.missing:
        _finish(row, takeover.settle_status(key, missing=inspection.missing))
    if row.reason == Validation.Reason.EXPIRY_EVENT:
        _look_again_after_the_end(key, now)


def _look_again_after_the_end(key: RestrictedKey, now: datetime) -> None:
    """Stripe announces an end some seconds before the secret stops working; a false alarm is not followed for ever."""
    recent = Validation.objects.filter(key=key, reason=Validation.Reason.EXPIRY_EVENT)
    if recent.filter(created_at__gte=now - timedelta(minutes=10)).count() < EXPIRY_LOOKS:
        delay = timedelta(seconds=settings.KEY_EXPIRY_LAG_SECONDS)
        lifecycle.request_validation(key, reason=Validation.Reason.EXPIRY_EVENT, now=now, delay=delay)


def _is_bound(row: Validation, key: RestrictedKey, inspection: Inspection, now: datetime) -> bool:
    """Whether the key's account is this merchant's. If not, the key is rejected or waits for the merchant's word."""
    account = inspection.stripe_account_id
    if not account:
        _no_answer(row, key, "account_unknown", now)
        return False
    if install_of(key, account):
        RestrictedKey.objects.filter(pk=key.pk).update(stripe_account_id=account)
        return True
    installed = StripeInstall.objects.filter(livemode=key.livemode, status=StripeInstall.Status.INSTALLED)
    if (
        installed.filter(merchant=key.merchant_id).exists()
        or installed.filter(stripe_account_id=account).exists()
    ):
        log.warning(
            "key of another account refused", extra={"key": str(key.pk), "merchant": str(key.merchant_id)}
        )
        lifecycle.move(
            key,
            Status.REJECTED,
            actor="the site",
            reason="This key could not be used with the connected account.",
            last_problem="not_usable",
        )
        _finish(row, Status.REJECTED)
        return False
    RestrictedKey.objects.filter(pk=key.pk).update(
        stripe_account_id=account, awaits_account_confirmation=True
    )
    _finish(row, "awaits_confirmation")
    return False


def _next_check(key: RestrictedKey, now: datetime) -> datetime:
    period = timedelta(seconds=settings.KEY_CHECK_PERIOD_SECONDS) * uniform(0.8, 1.0)  # noqa: S311
    if key.expires_at is not None and key.expires_at > now:
        return min(now + period, key.expires_at + timedelta(seconds=1))
    return now + period
