"""What a worker does to have one key: a pair of keys, the call, what was delivered, the stored key.

Each step is written down before the next begins. What the call says is written before it is made, so that a worker
that dies, or an answer that is lost, leads to the same call with the same idempotency key, and to the same key. Stripe
remembers idempotency keys for a time only: a call whose answer is not known by then is never repeated, but Stripe's
list is searched for what it may have made (`lost`).
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.services import MerchantIsClosed
from stripe_keys import gateway, managed_problems, permissions, purposes, vault
from stripe_keys.gateway import key_endpoint
from stripe_keys.gateway.key_endpoint import Made
from stripe_keys.incidents import brake
from stripe_keys.managed import arrangements, consent, lost, minting_ends, pacing, storing
from stripe_keys.models import KeyManagement, Minting
from stripe_keys.secret import Secret
from work import engine
from work.pool import connection_to_pool
from work.queues import Postpone

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
# With the waits of `work.queues.doubling_backoff` more than a day, so that no row is given up while its call may be
# repeated.
MOST_ATTEMPTS = 40
# v1 remembers idempotency keys for 24 hours, v2 perhaps for longer (docs/stripe-assumptions.md).
REPEATED_FOR = timedelta(hours=20)
_TOO_OLD = timedelta(days=7)
_SAID_AFTER_ATTEMPTS = 3
_VAULT_PAUSE = _UNTIL_KEYS_ARE_TAKEN = timedelta(minutes=1)


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
    if not row.body and brake.is_on():
        raise Postpone(_UNTIL_KEYS_ARE_TAKEN, "StripeRefusesMany")
    try:
        code = _why_not(row, management) or _made_and_stored(row, management)
        if code:
            minting_ends.end(row, management, code, lost=lost.keys_made_for(row, management))
    except gateway.StripeUnavailable:
        if row.attempts >= _SAID_AFTER_ATTEMPTS:
            KeyManagement.objects.filter(pk=management.pk, is_on=True).update(problem=managed_problems.AWAY)
        raise
    except vault.VaultError as problem:
        log.critical("no key can be made now: %s", type(problem).__name__, extra={"minting": row.pk})
        raise Postpone(_VAULT_PAUSE, type(problem).__name__) from None


def _why_not(row: Minting, management: KeyManagement) -> str:
    """Why nothing more is to be done for this row than to clear up; empty where the key is wanted and can be had."""
    is_wanted = management.is_on and purposes.is_defined(management.purpose)
    if not is_wanted or management.merchant.closed_at is not None:
        return managed_problems.SWITCHED_OFF
    if not arrangements.is_offered(livemode=management.livemode):
        return managed_problems.NOT_CONFIGURED
    if row.stripe_account_id not in ("", management.stripe_account_id):
        return managed_problems.ANOTHER_ACCOUNT
    now = timezone.now()
    is_forgotten = row.asked_at is not None and not row.stripe_key_id and row.asked_at < now - REPEATED_FOR
    return managed_problems.AWAY if is_forgotten or row.created_at < now - _TOO_OLD else ""


def _made_and_stored(row: Minting, management: KeyManagement) -> str:
    """Have the key made, opened and stored; empty if it is, else why not."""
    # A refusal says nothing of a call before it whose answer was lost.
    try:
        storing.let_others_be_proven_first(row, management)
        if not row.stripe_key_id:
            _ask(row, management)
        secret = _opened(row)
        _refuse_unfit(secret, management)
        storing.store(row, management, secret)
    except consent.NotInstalled:
        return managed_problems.NOT_INSTALLED
    except gateway.StripeRefused as refusal:
        return _problem_of(refusal)
    except Unfit as unfit:
        return unfit.code
    except storing.HeldByAnother:
        return managed_problems.WRONG_KEY
    except (MerchantIsClosed, storing.SwitchedOff):
        return managed_problems.SWITCHED_OFF
    return ""


def _ask(row: Minting, management: KeyManagement) -> None:
    """Have Stripe make the key, or tell of the one that it has made for this row; keep what it delivers."""
    with pacing.calls(consent.CALLS + 1, livemode=management.livemode):
        connection_to_pool()
        consent.prove(
            merchant_id=management.merchant_id,
            stripe_account_id=management.stripe_account_id,
            livemode=management.livemode,
        )
        if not row.body:
            _prepare(row, management)
        was_in_doubt = _note_asking(row, management)
        connection_to_pool()
        try:
            made = _call(row, management)
        except gateway.StripeRefused:
            if not was_in_doubt:
                _note_nothing_was_made(row)
            raise
    unfit = _unfitness(made, row, management)
    delivered = "" if unfit else _to_keep(made)
    with engine.hold(row):
        Minting.objects.filter(pk=row.pk).update(stripe_key_id=made.stripe_key_id, delivered=delivered)
    row.stripe_key_id, row.delivered = made.stripe_key_id, delivered
    if unfit:
        raise Unfit(unfit)


def _prepare(row: Minting, management: KeyManagement) -> None:
    """Make the pair and write down what Stripe will be asked for."""
    pair = vault.new_delivery_key()
    public_key = {"id": str(row.token), "pem_key": {"algorithm": "RSA", "data": pair.public_pem}}
    body: dict[str, Any] = {"public_key": public_key}
    row.how = _way_now(row, management)
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
        Minting.objects.filter(pk=row.pk).update(body=body, delivery_key=sealed, how=row.how)
    # PostgreSQL orders the members as it likes, and a call that is repeated has to be the same to the letter.
    row.refresh_from_db(fields=["body", "delivery_key"])


def _way_now(row: Minting, management: KeyManagement) -> str:
    """How the key is made: what was to be rotated may have ended, or be of another account, since that was wished."""
    old = row.replaces
    if old is None or old.status not in old.USABLE or old.stripe_account_id != management.stripe_account_id:
        return Minting.How.CREATE
    return row.how


def name_at_stripe(row: Minting) -> str:
    """By which a key is recognised in Stripe's lists as ours, of this environment and of this row."""
    return f"{settings.MANAGED_KEY_NAME} {settings.SITE_ENVIRONMENT} {row.token}"


def _note_asking(row: Minting, management: KeyManagement) -> bool:
    """Write down that Stripe is asked now, if the row is still ours; whether it was asked before."""
    with engine.hold(row):
        if row.asked_at is not None:
            return True
        row.asked_at, row.stripe_account_id = timezone.now(), management.stripe_account_id
        row.save(update_fields=["asked_at", "stripe_account_id"])
    return False


def _note_nothing_was_made(row: Minting) -> None:
    """The first call was refused: there is nothing to look for."""
    with engine.hold(row):
        row.asked_at = None
        row.save(update_fields=["asked_at"])


def _call(row: Minting, management: KeyManagement) -> Made:
    if row.replaces is not None and "expire_current_key_in_minutes" in row.body:
        make = partial(key_endpoint.rotate, row.replaces.stripe_key_id)
    else:
        make = partial(key_endpoint.create)
    return make(
        body=row.body,
        livemode=management.livemode,
        context=row.stripe_account_id,
        idempotency_key=f"minting-{row.token}",
    )


def _unfitness(made: Made, row: Minting, management: KeyManagement) -> str:
    """What is wrong with what Stripe answered, before anything of it is opened; empty where nothing is."""
    if made.livemode not in (None, management.livemode) or made.is_garbled:
        return managed_problems.WRONG_KEY
    if made.secret is not None:
        return managed_problems.PLAIN_IN_LIVE if management.livemode else ""
    return "" if made.recipient in ("", str(row.token)) else managed_problems.WRONG_KEY


def _to_keep(made: Made) -> str:
    """What is stored until the key is: encrypted by Stripe for us, or, where it came in the clear, by us."""
    if made.secret is not None:
        return vault.seal_copy(made.stripe_key_id, made.secret)
    return made.encrypted if len(made.encrypted) <= vault.LONGEST_DELIVERY else ""


def _opened(row: Minting) -> Secret:
    """The key that was delivered for this row."""
    try:
        if vault.is_sealed(row.delivered):
            return vault.unseal_copy(row.stripe_key_id, row.delivered)
        pair = vault.unseal_delivery_key(row.token, row.delivery_key)
        return vault.open_delivery(row.delivered, private_key=pair)
    except vault.DeliveryRefused as refusal:
        log.error("a delivered key was refused: %s", refusal.code, extra={"minting": row.pk})  # noqa: TRY400 # no outside text
        if refusal.code == "failed":  # that says nothing about the delivery
            raise Postpone(_VAULT_PAUSE, "DeliveryNotRead") from None
    except vault.WillNotOpen:
        log.error("what is kept of a delivery does not open", extra={"minting": row.pk})  # noqa: TRY400
    raise Unfit(managed_problems.NOT_OPENED)


def _refuse_unfit(secret: Secret, management: KeyManagement) -> None:
    if secret.livemode != management.livemode:
        raise Unfit(managed_problems.WRONG_KEY)
    if secret.shape.kind != "rk" and not settings.MANAGED_KEYS_MAY_BE_UNRESTRICTED:
        raise Unfit(managed_problems.UNRESTRICTED)


def _problem_of(refusal: gateway.StripeRefused) -> str:
    known = refusal.code in managed_problems.FOR_MERCHANTS
    return refusal.code if known else managed_problems.REFUSED
