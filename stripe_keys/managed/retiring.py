"""What a worker does to end a key that the app made: Stripe is told to, and then seen to refuse it."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys import catalogue, gateway, key_endpoint, lifecycle, vault
from stripe_keys.answers import Answer
from stripe_keys.managed import consent
from stripe_keys.models import Retirement
from stripe_keys.secret import Secret
from work import engine
from work.pool import connection_to_pool
from work.queues import Postpone

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 200  # up to an hour apart: Stripe may be away for days, and the key is to end
# Stripe ends a key some seconds after it was told to; for how long we look whether it has.
WATCHED_FOR = timedelta(hours=1)
LOOKED_EVERY = timedelta(seconds=3)
REFUSED, GONE, STILL_ACCEPTED, NOT_OURS = "refused", "gone", "still_accepted", "not_installed"


def process(row: Retirement) -> None:
    """End the key at Stripe if that was not done, then look whether Stripe refuses it; called outside transactions.

    Raises:
        gateway.StripeUnavailable: a failed attempt.
        Postpone: Stripe still accepts it; the row is looked at again.
    """
    connection_to_pool()
    try:
        consent.prove(
            merchant_id=row.merchant_id, stripe_account_id=row.stripe_account_id, livemode=row.livemode
        )
    except consent.NotInstalled:
        # The merchant has chosen at the uninstall what becomes of the app's keys; it is not for us to touch them.
        _end(row, NOT_OURS)
        return
    if row.expired_at is None:
        _expire(row)
    outcome = _seen(row)
    if outcome:
        _end(row, outcome)
    elif row.expired_at is not None and timezone.now() - row.expired_at > WATCHED_FOR:
        _tell_of_survivor(row)
        _end(row, STILL_ACCEPTED)
    else:
        raise Postpone(LOOKED_EVERY, "StillAccepted")


def _expire(row: Retirement) -> None:
    connection_to_pool()
    key_endpoint.expire(row.stripe_key_id, livemode=row.livemode, context=row.stripe_account_id)
    now = timezone.now()
    with engine.hold(row):
        Retirement.objects.filter(pk=row.pk).update(expired_at=now)
    row.expired_at = now


def _seen(row: Retirement) -> str:
    """What shows that the key has ended; empty while nothing does."""
    secret = _copy(row)
    if secret is None:
        connection_to_pool()
        is_gone = key_endpoint.has_ended(
            row.stripe_key_id, livemode=row.livemode, context=row.stripe_account_id
        )
        return GONE if is_gone else ""
    connection_to_pool()
    ((_, finding),) = gateway.ask(secret, [catalogue.WHOSE])
    return REFUSED if finding.answer in (Answer.EXPIRED, Answer.REFUSED) else ""


def _copy(row: Retirement) -> Secret | None:
    """The key itself; None where there is no copy that opens: then Stripe's list is asked."""
    try:
        return vault.unseal_copy(row.stripe_key_id, row.sealed) if row.sealed else None
    except vault.WillNotOpen:
        return None


def _end(row: Retirement, outcome: str) -> None:
    row.outcome = outcome
    row.refused_at = timezone.now() if outcome in (REFUSED, GONE) else None
    with engine.settle(row):
        if row.key is not None and row.refused_at is not None:
            said = "Stripe refuses it now." if outcome == REFUSED else "Stripe shows it as ended."
            lifecycle.record(row.key, actor="Stripe", reason=said)


def _tell_of_survivor(row: Retirement) -> None:
    tell_ops(
        subject="Stripe still accepts a key that was to end",
        body=f"{row.stripe_key_id} of {row.stripe_account_id} was expired at Stripe and works an hour later. Nobody"
        f" uses it here. Expire it in the account's Dashboard ({settings.STRIPE_DASHBOARD_BASE}), or ask its merchant.",
        dedupe_key=f"still-accepted:{row.stripe_key_id}",
    )
