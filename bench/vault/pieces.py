"""Where the vault's CPU time goes: each step of an encryption and a decryption alone, over the same samples."""

import hmac
import os
from collections.abc import Callable
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.vault.contenders import Sample, samples, some_tenants, some_texts
from bench.vault.rounds import TENANTS, cpu_microseconds
from stripe_keys.models import KeyEnvelope
from stripe_keys.secret import Secret
from stripe_keys.vault import data_keys, envelopes, keys

_KEY, _SALT = os.urandom(32), os.urandom(32)
_ENCRYPTED = AESGCM(_KEY).encrypt(_SALT[:12], bytes(107), None)
_PIECES: dict[str, Callable[[Sample], Any]] = {
    "look-up of the unwrapped data key": lambda sample: data_keys.unwrapped(sample.data_key),
    "place of the row, encoded": lambda sample: keys.place_of(sample.key).associated_data(),
    "random salt and nonce": lambda _: (os.urandom(32), os.urandom(12)),
    "HKDF-SHA512: record key and commitment": lambda sample: envelopes._derived(_KEY, _SALT, sample.place),
    "AES-256-GCM, to encrypt": lambda sample: AESGCM(_KEY).encrypt(_SALT[:12], bytes(107), sample.place),
    "AES-256-GCM, to decrypt": lambda _: AESGCM(_KEY).decrypt(_SALT[:12], _ENCRYPTED, None),
    "commitment compared": lambda _: hmac.compare_digest(_KEY, _SALT),
    "Secret made": lambda sample: Secret(sample.text),
}


def pieces(*, rounds: int, operations: int) -> dict[str, float]:
    """Microseconds of CPU for each step; the clock's own loop is taken off."""
    found = samples(some_tenants(TENANTS), some_texts(operations))
    for sample in found:
        data_keys.unwrapped(sample.data_key)
    idle = _spent(lambda _: None, found, rounds)
    steps = {name: _spent(step, found, rounds) - idle for name, step in _PIECES.items()}
    wholes = _wholes(found, rounds)
    return {**steps, **{name: spent - idle for name, spent in wholes.items()}}


def _wholes(found: list[Sample], rounds: int) -> dict[str, float]:
    """The two ends, and unwrapping where nothing is remembered."""
    stored = {id(sample): keys.encrypt_under(sample.data_key, sample.key, sample.secret) for sample in found}
    envelopes_of = {
        id(sample): KeyEnvelope(key=sample.key, data_key=sample.data_key, envelope=stored[id(sample)])
        for sample in found
    }

    def forgetful(sample: Sample) -> Secret:
        data_keys.forget()
        return keys.open_envelope(envelopes_of[id(sample)])

    return {
        "all of an encryption": _spent(
            lambda sample: keys.encrypt_under(sample.data_key, sample.key, sample.secret), found, rounds
        ),
        "all of a decryption": _spent(
            lambda sample: keys.open_envelope(envelopes_of[id(sample)]), found, rounds
        ),
        "the same, the data key unwrapped anew": _spent(forgetful, found, rounds),
    }


def _spent(step: Callable[[Sample], Any], found: list[Sample], rounds: int) -> float:
    each = [(sample,) for sample in found]
    return median(cpu_microseconds(step, each)[0] for _ in range(rounds))
