"""What a worker does to have one key: a pair of keys, the call, what was delivered, the stored key.

Each step is written down before the next begins. What the call says is written before it is made, so that a worker
that dies, or an answer that is lost, leads to the same call with the same idempotency key, and to the same key.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.notices import tell_ops
from accounts.services import MerchantIsClosed
from stripe_keys import gateway, key_endpoint, managed_problems, permissions, purposes, retirement_rows, vault
from stripe_keys.key_endpoint import Made
from stripe_keys.managed import consent, storing
from stripe_keys.models import KeyManagement, Minting, Retirement
from stripe_keys.secret import Secret
from work import engine
from work.pool import connection_to_pool
from work.queues import Postpone

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 12
TRIED_AGAIN_AFTER = timedelta(hours=6)
_VAULT_PAUSE = timedelta(minutes=1)


class Unfit(Exception):
    """What Stripe delivered is not taken; `code` is one of `managed_problems`. The key is ended at Stripe."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def process(row: Minting) -> None:
    """Carry a minting as far as it goes now: called outside any transaction, under a lease.

    Raises:
        gateway.StripeUnavailable: a failed attempt; whether Stripe has made the key is not known.
        Postpone: not now.
    """
    management = KeyManagement.objects.select_related("merchant").get(pk=row.management_id)
    is_wanted = management.is_on and purposes.is_defined(management.purpose)
    if not is_wanted and not row.stripe_key_id:
        _end(row, management, managed_problems.SWITCHED_OFF)
        return
    try:
        if not row.body:
            _prepare(row, management)
        secret = _asked(row, management)
        _refuse_unfit(secret, management)
        storing.store(row, management, secret)
    except consent.NotInstalled:
        _end(row, management, managed_problems.NOT_INSTALLED)
    except gateway.StripeRefused as refusal:
        _end(row, management, _problem_of(refusal))
    except Unfit as unfit:
        _end(row, management, unfit.code)
    except vault.VaultError as problem:
        log.critical("no key can be made now: %s", type(problem).__name__, extra={"minting": row.pk})
        raise Postpone(_VAULT_PAUSE, type(problem).__name__) from None
    except (MerchantIsClosed, storing.SwitchedOff):
        _end(row, management, managed_problems.SWITCHED_OFF)


def _prepare(row: Minting, management: KeyManagement) -> None:
    """Make the pair and write down what Stripe will be asked for."""
    pair = vault.new_delivery_key()
    public_key = {"id": str(row.token), "pem_key": {"algorithm": "RSA", "data": pair.public_pem}}
    body: dict[str, Any] = {"public_key": public_key}
    if row.how == Minting.How.ROTATE:
        body["expire_current_key_in_minutes"] = settings.MANAGED_KEY_OVERLAP_MINUTES
    else:
        body |= {
            "type": "secret_key",
            "name": name_at_stripe(row),
            "permissions": [one.permission for one in permissions.required(management.purpose)],
        }
    sealed = vault.seal_delivery_key(row.token, pair)
    with engine.hold(row):
        Minting.objects.filter(pk=row.pk).update(body=body, delivery_key=sealed)
    # PostgreSQL orders the members as it likes, and a call that is repeated has to be the same to the letter.
    row.refresh_from_db(fields=["body", "delivery_key"])


def name_at_stripe(row: Minting) -> str:
    """By which a key is recognised in Stripe's lists as ours, of this environment and of this row."""
    return f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT} {row.token}"


def _asked(row: Minting, management: KeyManagement) -> Secret:
    """The key that Stripe makes, or has made, for this row."""
    if row.delivered:
        return _opened(row, row.delivered)
    connection_to_pool()
    consent.prove(
        merchant_id=management.merchant_id,
        stripe_account_id=management.stripe_account_id,
        livemode=management.livemode,
    )
    connection_to_pool()
    if row.how == Minting.How.ROTATE and row.replaces is not None:
        make = partial(key_endpoint.rotate, row.replaces.stripe_key_id)
    else:
        make = partial(key_endpoint.create)
    made = make(
        body=row.body,
        livemode=management.livemode,
        context=management.stripe_account_id,
        idempotency_key=f"minting-{row.token}",
    )
    with engine.hold(row):
        Minting.objects.filter(pk=row.pk).update(
            stripe_key_id=made.stripe_key_id, delivered=made.encrypted[: vault.LONGEST_DELIVERY + 1]
        )
    row.stripe_key_id = made.stripe_key_id
    return _taken(row, management, made)


def _taken(row: Minting, management: KeyManagement, made: Made) -> Secret:
    if made.livemode not in (None, management.livemode) or made.is_garbled:
        raise Unfit(managed_problems.WRONG_KEY)
    if made.secret is not None and management.livemode:
        raise Unfit(managed_problems.PLAIN_IN_LIVE)
    if made.secret is not None:
        return made.secret
    if made.recipient not in ("", str(row.token)):
        raise Unfit(managed_problems.WRONG_KEY)
    return _opened(row, made.encrypted)


def _opened(row: Minting, delivered: str) -> Secret:
    pair = vault.unseal_delivery_key(row.token, row.delivery_key)
    try:
        return vault.open_delivery(delivered, private_key=pair)
    except vault.DeliveryRefused as refusal:
        log.error("a delivered key was refused: %s", refusal.code, extra={"minting": row.pk})  # noqa: TRY400 # no outside text
        raise Unfit(managed_problems.NOT_OPENED) from None


def _refuse_unfit(secret: Secret, management: KeyManagement) -> None:
    if secret.livemode != management.livemode:
        raise Unfit(managed_problems.WRONG_KEY)
    if secret.shape.kind != "rk" and not settings.MANAGED_KEYS_MAY_BE_UNRESTRICTED:
        raise Unfit(managed_problems.UNRESTRICTED)


def _problem_of(refusal: gateway.StripeRefused) -> str:
    known = refusal.code in managed_problems.FOR_MERCHANTS
    return refusal.code if known else managed_problems.REFUSED


def _end(row: Minting, management: KeyManagement, code: str) -> None:
    """End without a key; what Stripe may have made is ended there."""
    now = timezone.now()
    row.outcome = code
    with engine.settle(row):
        if row.stripe_key_id:
            retirement_rows.retire_by_id(
                stripe_key_id=row.stripe_key_id,
                stripe_account_id=management.stripe_account_id,
                livemode=management.livemode,
                merchant_id=management.merchant_id,
                cause=Retirement.Cause.UNOPENED,
            )
        note_problem(management, code)
        KeyManagement.objects.filter(pk=management.pk).update(next_rotation_at=now + TRIED_AGAIN_AFTER)


def note_problem(management: KeyManagement, code: str) -> None:
    """Write down why no key was made; ops hear of what they may mend, once a day for each cause."""
    KeyManagement.objects.filter(pk=management.pk).update(problem=code)
    if code in (
        managed_problems.SWITCHED_OFF,
        managed_problems.NOT_INSTALLED,
        managed_problems.NOT_ACTIVATED,
    ):
        return
    tell_ops(
        subject="A key that the app should make was not made",
        body=f"The cause is {code!r}, for {management.stripe_account_id} and perhaps for others; see Mintings in the"
        " ops desk. Their merchants are told to paste a key meanwhile.",
        dedupe_key=f"minting:{code}:{timezone.now():%Y%m%d}",
    )


def gave_up(row: Minting) -> None:
    """It failed again and again: the merchant is told, and it is asked for anew later."""
    management = KeyManagement.objects.get(pk=row.management_id)
    note_problem(management, managed_problems.AWAY)
    KeyManagement.objects.filter(pk=management.pk).update(next_rotation_at=timezone.now() + TRIED_AGAIN_AFTER)
