"""What is compared: the vault, a bare envelope in three forms, and an encrypting field of a Django package.

Each takes a sample, whose rows are as a query would have left them, and gives stored bytes; and takes those back.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from encrypted_fields.fields import EncryptedCharField  # type: ignore[import-untyped]

from accounts.models import Merchant
from local_stack.environment import random_letters
from stripe_keys.models import KeyEnvelope, MerchantDataKey, RestrictedKey
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys, keys, ring
from stripe_keys.vault.key_services import KeyContext

VAULT, BARE, GIVEN, UNBOUND, FERNET = "vault", "bare", "bare-given", "bare-unbound", "fernet-field"
_NONCE = 12
_WRAPPED = _NONCE + 32 + 16
_LETTERS = 99  # behind `rk_test_`: 107 characters in all


@dataclass(frozen=True, slots=True)
class Sample:
    """One key with its rows, unsaved: its text, its place as bytes, and what the vault works on."""

    text: str
    place: bytes
    secret: Secret
    key: RestrictedKey
    data_key: MerchantDataKey


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to encrypt: what each operation takes is taken from the sample before the clock runs."""

    name: str
    words: str
    encrypt: Callable[..., Any]
    decrypt: Callable[..., Any]
    taken: Callable[[Sample], tuple[Any, ...]]
    given_back: Callable[[Sample, Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A merchant's id and their data key, wrapped."""

    merchant: Merchant
    kek_id: str
    wrapped: bytes


def some_tenants(count: int) -> list[Tenant]:
    """Merchants with a fresh data key each."""
    tenants = []
    for _ in range(count):
        merchant = Merchant(id=uuid4())
        wrapped = ring.wrap(KeyContext("data-key", str(merchant.pk), 1), os.urandom(32))
        tenants.append(Tenant(merchant, wrapped.kek_id, wrapped.blob))
    return tenants


def some_texts(count: int) -> list[str]:
    """Strings shaped like restricted keys in test mode."""
    return [f"rk_test_{random_letters(_LETTERS)}" for _ in range(count)]


def samples(tenants: list[Tenant], texts: list[str]) -> list[Sample]:
    """Each text as a key of the next tenant, in model instances of its own, as after a query for each."""
    made = []
    for number, text in enumerate(texts):
        tenant, secret = tenants[number % len(tenants)], Secret(text)
        key = RestrictedKey(merchant_id=tenant.merchant.pk, livemode=secret.livemode, last4=secret.last4)
        data_key = MerchantDataKey(
            merchant_id=tenant.merchant.pk,
            version=1,
            kek_id=str(tenant.kek_id),
            wrapped=bytes(bytearray(tenant.wrapped)),
        )
        made.append(Sample(text, keys.place_of(key).associated_data(), secret, key, data_key))
    return made


def contenders() -> list[Contender]:
    """All of them, ready: keys are derived and ciphers made where one process would do so once."""
    # Read by the field alone; it derives its keys when it is first used.
    settings.SALT_KEY = random_letters(32)
    field = EncryptedCharField(max_length=400)
    field.get_prep_value("warm")
    return [
        Contender(
            VAULT,
            "everything the vault does for a key, but the query",
            _encrypt,
            keys.open_envelope,
            lambda sample: (sample.data_key, sample.key, sample.secret),
            lambda sample, stored: (KeyEnvelope(key=sample.key, data_key=sample.data_key, envelope=stored),),
        ),
        *_bare_envelopes(),
        Contender(
            FERNET,
            "a field of django-fernet-encrypted-fields",
            field.get_prep_value,
            lambda stored: field.from_db_value(stored, None, None),
            lambda sample: (sample.text,),
            lambda sample, stored: (stored,),
        ),
    ]


def _bare_envelopes() -> list[Contender]:
    bare = BareEnvelope()
    return [
        Contender(
            BARE,
            "two AES-256-GCM, bound to its row",
            lambda key, text: bare.encrypt(text, keys.place_of(key).associated_data()),
            lambda key, stored: bare.decrypt(stored, keys.place_of(key).associated_data()),
            lambda sample: (sample.key, sample.text),
            lambda sample, stored: (sample.key, stored),
        ),
        Contender(
            GIVEN,
            "the same, the row's place encoded beforehand",
            bare.encrypt,
            bare.decrypt,
            lambda sample: (sample.text, sample.place),
            lambda sample, stored: (stored, sample.place),
        ),
        Contender(
            UNBOUND,
            "the same, bound to nothing",
            bare.encrypt,
            bare.decrypt,
            lambda sample: (sample.text, None),
            lambda sample, stored: (stored, None),
        ),
    ]


def _encrypt(data_key: MerchantDataKey, key: RestrictedKey, secret: Secret) -> bytes:
    """`vault.encrypt` without its queries: it proves that the newest data key unwraps before it encrypts under it."""
    data_keys.unwrapped(data_key)
    return keys.encrypt_under(data_key, key, secret)


class BareEnvelope:
    """A random data key per secret, wrapped by AES-256-GCM; no derivation, no commitment, no versions."""

    def __init__(self) -> None:
        self._wrapping = AESGCM(os.urandom(32))

    def encrypt(self, text: str, place: bytes | None) -> bytes:
        """Nonce, wrapped data key, nonce, ciphertext."""
        data_key, one, other = os.urandom(32), os.urandom(_NONCE), os.urandom(_NONCE)
        wrapped = self._wrapping.encrypt(one, data_key, place)
        return one + wrapped + other + AESGCM(data_key).encrypt(other, text.encode(), place)

    def decrypt(self, stored: bytes, place: bytes | None) -> str:
        """The text again."""
        data_key = self._wrapping.decrypt(stored[:_NONCE], stored[_NONCE:_WRAPPED], place)
        nonce, encrypted = stored[_WRAPPED : _WRAPPED + _NONCE], stored[_WRAPPED + _NONCE :]
        return AESGCM(data_key).decrypt(nonce, encrypted, place).decode()
