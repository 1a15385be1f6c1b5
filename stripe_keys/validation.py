"""What a worker does with one check of one key: whose key, which account, every permission, then one verdict.

Only a confirmed 401 ends a key that has worked: Stripe's word that it expired, an event of Stripe's naming it together
with a 401, or two 401s KEY_CONFIRM_DEAD_AFTER_SECONDS apart. What Stripe cannot answer leaves the status as it is.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import uniform

from django.conf import settings
from django.utils import timezone

from stripe_keys import gateway, lifecycle, permissions, takeover, vault
from stripe_keys.gateway import Answer
from stripe_keys.models import PermissionCheck, RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret
from work import engine

log = logging.getLogger(__name__)
Status = RestrictedKey.Status
Outcome = PermissionCheck.Outcome
EXPIRY_LOOKS = 6
_FIRST_RETRY, _LONGEST_RETRY = timedelta(seconds=2), timedelta(minutes=10)


@dataclass
class Inspection:
    """What one look at a key found out; `outcomes` maps permissions to granted, missing or unknown."""

    answer: Answer = Answer.UNKNOWN
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    is_probed: bool = False

    def take(self, finding: gateway.Finding) -> None:
        """Learn from one more answer."""
        self.stripe_account_id = self.stripe_account_id or finding.stripe_account_id
        self.stripe_key_id = self.stripe_key_id or finding.stripe_key_id
        self.problem = self.problem or finding.problem
        if finding.answer in (Answer.REFUSED, Answer.EXPIRED, Answer.ADDRESS_REFUSED):
            self.answer = finding.answer

    @property
    def missing(self) -> list[str]:
        """The required permissions that Stripe says the key lacks."""
        return [name for name, outcome in self.outcomes.items() if outcome == Outcome.MISSING]

    @property
    def is_complete(self) -> bool:
        """Whether every required permission has a sure answer."""
        return bool(self.outcomes) and Outcome.UNKNOWN not in self.outcomes.values()


def process(row: Validation) -> None:
    """Check the key of `row` and settle it: the engine calls this outside any transaction, under a lease."""
    key = RestrictedKey.objects.select_related("merchant").get(pk=row.key_id)
    if not key.is_kept:
        with engine.settle(row):
            Validation.objects.filter(pk=row.pk).update(verdict="moot")
        return
    lifecycle.record_use(key, actor="validation worker", reason=row.get_reason_display())
    try:
        secret = vault.decrypt(key)
    except vault.WillNotOpen as problem:
        log.critical("an envelope does not open", extra={"key": str(key.pk)})
        raise engine.GiveUp(type(problem).__name__) from None
    inspection = _whose(key, secret)
    if inspection.answer is Answer.GRANTED and _may_see_permissions(key, inspection):
        _probe_permissions(row, secret, inspection)
    with engine.settle(row):
        _conclude(row, inspection, timezone.now())


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


# --- Looking ---------------------------------------------------------------------------------------------------------


def _whose(key: RestrictedKey, secret: Secret) -> Inspection:
    """Ask whose key it is. A request the app has no permission for is the only one that names the key's own id."""
    finding = gateway.whose_key(secret)
    inspection = Inspection(stripe_key_id=key.stripe_key_id)
    inspection.take(finding)
    if finding.answer in (Answer.GRANTED, Answer.MISSING_PERMISSION):
        inspection.answer = Answer.GRANTED
        granted = finding.answer is Answer.GRANTED
        inspection.outcomes["connected_account_read"] = Outcome.GRANTED if granted else Outcome.MISSING
        if not (inspection.stripe_key_id and inspection.stripe_account_id):
            for _, named in gateway.probe_all(secret, _telling_probes()):
                inspection.stripe_key_id = inspection.stripe_key_id or named.stripe_key_id
                inspection.stripe_account_id = inspection.stripe_account_id or named.stripe_account_id
    return inspection


def _telling_probes() -> Iterable[permissions.Probe]:
    asked = {one.permission for one in permissions.required()}
    return [probe for name, probe in permissions.PROBES.items() if name not in asked][-1:]


def _may_see_permissions(key: RestrictedKey, inspection: Inspection) -> bool:
    """Whether this merchant may learn what the key can do: only once its account is known to be theirs."""
    if key.status != Status.PENDING:
        return True
    return _install_of(key, inspection.stripe_account_id) is not None


def _install_of(key: RestrictedKey, stripe_account_id: str) -> StripeInstall | None:
    return StripeInstall.objects.filter(
        merchant=key.merchant_id,
        livemode=key.livemode,
        stripe_account_id=stripe_account_id,
        status=StripeInstall.Status.INSTALLED,
    ).first()


def _probe_permissions(row: Validation, secret: Secret, inspection: Inspection) -> None:
    """Prove every required permission, writing each result as it arrives so that the page can show it."""
    PermissionCheck.objects.filter(validation=row).delete()
    required = [one.permission for one in permissions.required()]
    known = {name: outcome for name, outcome in inspection.outcomes.items() if name in required}
    inspection.outcomes, inspection.is_probed = {}, True
    for name, outcome in known.items():
        _note_outcome(row, inspection, name, outcome)
    probes = [permissions.PROBES[name] for name in required if name not in known]
    for name, finding in gateway.probe_all(secret, probes):
        inspection.take(finding)
        outcome = {Answer.GRANTED: Outcome.GRANTED, Answer.MISSING_PERMISSION: Outcome.MISSING}.get(
            finding.answer, Outcome.UNKNOWN
        )
        _note_outcome(row, inspection, name, outcome)


def _note_outcome(row: Validation, inspection: Inspection, name: str, outcome: str) -> None:
    inspection.outcomes[name] = outcome
    PermissionCheck.objects.create(validation=row, permission=name, outcome=outcome)


# --- Concluding (inside the settling transaction) ---------------------------------------------------------------------


def _conclude(row: Validation, inspection: Inspection, now: datetime) -> None:
    key = lifecycle.locked(row.key)
    if not key.is_kept:
        _finish(row, "moot")
        return
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
    alive.update(first_refused_at=None, last_ok_at=now, next_check_at=_next_check(key, now))
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
    if _install_of(key, account):
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
