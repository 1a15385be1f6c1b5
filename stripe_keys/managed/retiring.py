"""What a worker does to end a key that the app made: Stripe is told to, and then seen to refuse it.

The old key of a rotation with an overlap is ended by Stripe itself: it is left alone until then, and then watched.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys import catalogue, gateway, lifecycle, vault
from stripe_keys.gateway import key_endpoint
from stripe_keys.gateway.answers import Answer
from stripe_keys.incidents import brake
from stripe_keys.managed import consent, pacing
from stripe_keys.models import Retirement
from stripe_keys.retirement_rows import GONE, NOT_OURS, REFUSED, STILL_ACCEPTED
from stripe_keys.secret import Secret
from work import engine
from work.pool import connection_to_pool
from work.queues import Postpone

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 200  # up to an hour apart: Stripe may be away for days, and the key is to end
# Stripe ends a key some seconds after it was told to; for how long we look whether it has.
WATCHED_FOR = timedelta(hours=1)
_SOONEST, _LATEST = timedelta(seconds=3), timedelta(minutes=5)
_DURING_AN_INCIDENT = timedelta(minutes=1)
_OWN_CALLS = 2  # to end it, and to see whether it has


def process(row: Retirement) -> None:
    """End the key at Stripe if that was not done, then look whether Stripe refuses it; called outside transactions.

    Raises:
        gateway.StripeUnavailable, gateway.StripeRefused: a failed attempt.
        Postpone: Stripe still accepts it, or cannot be believed now; the row is looked at again.
    """
    now = timezone.now()
    if row.expired_at is not None and row.expired_at > now:
        raise Postpone(row.expired_at - now, "ServesUntilThen")
    with pacing.calls(consent.CALLS + _OWN_CALLS, livemode=row.livemode):
        outcome = _pursued(row)
    if outcome:
        _end(row, outcome)
    else:
        _wait(row)


def _pursued(row: Retirement) -> str:
    """End it, and look; how it ended, or empty."""
    connection_to_pool()
    try:
        consent.prove(
            merchant_id=row.merchant_id,
            stripe_account_id=row.stripe_account_id,
            livemode=row.livemode,
            is_ending=True,
        )
    except consent.NotInstalled:
        # The merchant has chosen at the uninstall what becomes of the app's keys; it is not for us to touch them.
        return NOT_OURS
    if row.expired_at is None:
        _expire(row)
    return _seen(row)


def gave_up(row: Retirement) -> None:
    """Stripe could not be asked for days, or refuses to end it: people have to. No copy of the key is kept for that."""
    Retirement.objects.filter(pk=row.pk).update(sealed="")
    tell_ops(
        subject="A key could not be ended at Stripe",
        body=f"{row.stripe_key_id} of {row.stripe_account_id} was to end, and that failed for days ({row.problem})."
        " Nobody uses it here. Try the row again in the ops desk (Retirements), or expire the key in the account's"
        f" Dashboard ({settings.STRIPE_DASHBOARD_BASE}).",
        dedupe_key=f"not-ended:{row.stripe_key_id}:{row.livemode}",
    )


def _expire(row: Retirement) -> None:
    connection_to_pool()
    key_endpoint.expire(row.stripe_key_id, livemode=row.livemode, context=row.stripe_account_id)
    now = timezone.now()
    with engine.hold(row):
        Retirement.objects.filter(pk=row.pk).update(expired_at=now)
    row.expired_at = now


def _seen(row: Retirement) -> str:
    """What shows that the key has ended; empty while nothing does.

    A refusal that does not say why is only believed if Stripe also shows the key as ended, and not while Stripe
    refuses everybody's keys.
    """
    secret = _copy(row)
    if secret is not None:
        connection_to_pool()
        ((_, finding),) = gateway.ask(secret, [catalogue.WHOSE])
        if finding.answer not in (Answer.EXPIRED, Answer.REFUSED):
            return ""
        if finding.answer == Answer.EXPIRED:
            return REFUSED
        if brake.is_on():
            raise Postpone(_DURING_AN_INCIDENT, "StripeRefusesMany")
    connection_to_pool()
    is_over = key_endpoint.has_ended(row.stripe_key_id, livemode=row.livemode, context=row.stripe_account_id)
    if not is_over:
        return ""
    return GONE if secret is None else REFUSED


def _copy(row: Retirement) -> Secret | None:
    """The key itself; None where there is no copy that opens, now or ever: then Stripe's word must do."""
    try:
        return vault.unseal_copy(row.stripe_key_id, row.sealed) if row.sealed else None
    except vault.VaultError as problem:
        log.warning("the copy of a retired key: %s", type(problem).__name__, extra={"retirement": row.pk})
        return None


def _wait(row: Retirement) -> None:
    """Look again, soon at first; after an hour ops are alarmed, and nobody looks any more."""
    age = timezone.now() - (row.expired_at or timezone.now())
    if age <= WATCHED_FOR:
        raise Postpone(min(max(age / 4, _SOONEST), _LATEST), "StillAccepted")
    _tell_of_survivor(row, row.expired_at or timezone.now())
    _end(row, STILL_ACCEPTED)


def _end(row: Retirement, outcome: str) -> None:
    row.outcome = outcome
    row.refused_at = timezone.now() if outcome in (REFUSED, GONE) else None
    said = {REFUSED: "Stripe refuses it now.", GONE: "Stripe shows it as ended."}.get(outcome)
    with engine.settle(row):
        if row.key is not None and said:
            lifecycle.record(row.key, actor="Stripe", reason=said)


def _tell_of_survivor(row: Retirement, since: datetime) -> None:
    tell_ops(
        subject="Stripe still accepts a key that was to end",
        body=f"{row.stripe_key_id} of {row.stripe_account_id} was to end by {since:%d %b %H:%M} UTC and works an hour"
        " later. Nobody uses it here, and the sweep for orphaned keys tries again within days. Expire it in the"
        f" account's Dashboard ({settings.STRIPE_DASHBOARD_BASE}), or ask its merchant.",
        dedupe_key=f"still-accepted:{row.stripe_key_id}:{since:%Y%m%d}",
    )
