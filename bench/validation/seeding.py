"""Merchants with an install, a proven key in a real envelope, and checks that are due; by the thousand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bench.validation.stand_in import SLOW_MARK, ids_of
from bench.vault.contenders import some_texts
from bench.vault.seeding import a_row, open_merchants
from stripe_keys.lifecycle import REGULAR
from stripe_keys.models import (
    AccountPace,
    KeyEnvelope,
    MerchantDataKey,
    RestrictedKey,
    StripeInstall,
    Validation,
)
from stripe_keys.secret import Secret
from stripe_keys.vault import keys
from work.models import DueRow

Due = dict[int, datetime]
_DUE = """
    INSERT INTO stripe_keys_validation
        (key_id, merchant_id, lane, reason, priority, state, attempts, fence, claimed_by, problem, verdict, due_at)
    SELECT id, merchant_id, merchant_id::text, %(reason)s, %(priority)s, 'waiting', 0, 0, '', '', '',
           statement_timestamp() + random() * %(within)s * interval '1 second'
    FROM stripe_keys_restrictedkey, generate_series(1, %(each)s) WHERE merchant_id = ANY(%(merchants)s)
    RETURNING id, due_at"""


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant, and the text of their key."""

    merchant_id: UUID
    token: str


def open_shops(count: int, *, are_slow: bool = False) -> list[Shop]:
    """Store `count` merchants with an active key each, due for no check; Stripe is slow about those marked so."""
    shops = open_empty_shops(count, are_slow=are_slow)
    owners = [shop.merchant_id for shop in shops]
    data_keys = {row.merchant_id: row for row in MerchantDataKey.objects.filter(merchant__in=owners)}
    rows = [_proven(shop) for shop in shops]
    RestrictedKey.objects.bulk_create(rows, batch_size=1000)
    KeyEnvelope.objects.bulk_create(
        [_envelope(row, shop, data_keys[shop.merchant_id]) for row, shop in zip(rows, shops, strict=True)],
        batch_size=1000,
    )
    _analyze()
    return shops


def open_empty_shops(count: int, *, are_slow: bool = False) -> list[Shop]:
    """Store `count` merchants who have installed the app, and whose key is not pasted yet."""
    mark = SLOW_MARK if are_slow else ""
    texts = [f"rk_test_{mark}{text.removeprefix('rk_test_')}" for text in some_texts(count)]
    shops = [Shop(*pair) for pair in zip(open_merchants(count), texts, strict=True)]
    StripeInstall.objects.bulk_create([_install(shop) for shop in shops], batch_size=1000)
    return shops


def _proven(shop: Shop) -> RestrictedKey:
    key = a_row(shop.merchant_id, Secret(shop.token), "default")
    key.stripe_account_id, key.stripe_key_id = ids_of(shop.token)
    key.status = RestrictedKey.Status.ACTIVE
    return key


def _envelope(row: RestrictedKey, shop: Shop, data_key: MerchantDataKey) -> KeyEnvelope:
    stored = keys.encrypt_under(data_key, row, Secret(shop.token))
    return KeyEnvelope(key=row, data_key=data_key, envelope=stored)


def _install(shop: Shop) -> StripeInstall:
    return StripeInstall(
        merchant_id=shop.merchant_id,
        stripe_account_id=ids_of(shop.token)[0],
        livemode=False,
        proof=StripeInstall.Proof.SIGNED_RETURN,
        installed_at=timezone.now(),
    )


def make_due(shops: Iterable[Shop], *, each: int = 1, within: float = 0.0) -> Due:
    """Let a regular check of every shop's key become due within so many seconds; or several, as no sweep plans them.

    Returns when each check is due, by its row's id: a row that is put off tells another moment later.
    """
    values: dict[str, Any] = {
        "merchants": [shop.merchant_id for shop in shops],
        "each": each,
        "priority": REGULAR,
        "reason": Validation.Reason.PERIODIC,
        "within": within,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, values)
        return dict(cursor.fetchall())


def forget_checks() -> None:
    """Forget every check and what they taught us about accounts' pace."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE stripe_keys_validation CASCADE")
    AccountPace.objects.all().delete()


def nothing_is_claimed() -> bool:
    """Drop what waits; whether nobody works on anything any more."""
    Validation.objects.filter(state=DueRow.State.WAITING).delete()
    return not Validation.objects.filter(state=DueRow.State.CLAIMED).exists()


def left() -> int:
    """How many checks have not ended."""
    return Validation.objects.filter(state__in=[DueRow.State.WAITING, DueRow.State.CLAIMED]).count()


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
