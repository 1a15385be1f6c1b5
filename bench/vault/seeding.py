"""Merchants by the thousand, each with a real wrapped data key, and some of them with an encrypted key."""

import os
import random
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from bench.vault.contenders import some_texts
from stripe_keys import vault
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import keys, ring
from stripe_keys.vault.key_services import KeyContext

DataKeys = dict[UUID, bytes]


def use_keys(*listed: str) -> None:
    """Let this process, and those it starts, use these key-encryption keys, the primary first."""
    settings.KEY_ENCRYPTION_KEYS = list(listed)
    os.environ["KEY_ENCRYPTION_KEYS"] = ",".join(listed)


@transaction.atomic
def open_merchants(count: int) -> DataKeys:
    """Store `count` merchants with a data key under the primary key-encryption key; what each data key really is."""
    vault.ensure_canary(vault.primary_kek_id())
    made = {uuid4(): os.urandom(32) for _ in range(count)}
    _copy("accounts_merchant (id, name)", ((pk, "A merchant") for pk in made))
    _copy("stripe_keys_merchantdatakey (merchant_id, version, kek_id, wrapped)", _wrapped_rows(made))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return made


def _wrapped_rows(made: DataKeys) -> Iterable[tuple[Any, ...]]:
    for pk, data_key in made.items():
        wrapped = ring.wrap(KeyContext("data-key", str(pk), 1), data_key)
        yield pk, 1, wrapped.kek_id, wrapped.blob


def _copy(table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def store_keys(merchants: Iterable[UUID], count: int) -> None:
    """Store a key each, encrypted by the vault, for `count` merchants chosen at random."""
    chosen = random.sample(list(merchants), count)
    data_keys = {
        row.merchant_id: row for row in MerchantDataKey.objects.filter(merchant__in=chosen, version=1)
    }
    rows, envelopes = [], []
    for pk, text in zip(chosen, some_texts(count), strict=True):
        secret = Secret(text)
        key = a_row(pk, secret, "default")
        rows.append(key)
        stored = keys.encrypt_under(data_keys[pk], key, secret)
        envelopes.append(KeyEnvelope(key=key, data_key=data_keys[pk], envelope=stored))
    RestrictedKey.objects.bulk_create(rows, batch_size=1000)
    KeyEnvelope.objects.bulk_create(envelopes, batch_size=1000)


def a_row(merchant_id: UUID, secret: Secret, purpose: str) -> RestrictedKey:
    """The unsaved row of a key; its fingerprint will tell whether the same key comes out again."""
    mark = vault.fingerprints(secret)[0]
    return RestrictedKey(
        merchant_id=merchant_id,
        purpose=purpose,
        livemode=secret.livemode,
        last4=secret.last4,
        fingerprint=mark.digest,
        fingerprint_key_id=mark.key_id,
    )


def opens_as_stored(key: RestrictedKey, secret: Secret) -> bool:
    """Whether `secret` is the key that was stored in that row."""
    return vault.fingerprints(secret)[0].digest == bytes(key.fingerprint)
