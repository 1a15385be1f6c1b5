"""A delivery key is a whole RSA pair of 3072 bits that does not show, copy or change itself."""

import copy
import json
import pickle
from collections.abc import Callable
from pprint import pformat
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_public_key,
)

from stripe_keys.vault import DeliveryKey, DeliveryRefused, new_delivery_key
from tests.stripe_keys.vault.deliveries import leaks, part


def der_of(pair: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    """A private key as `from_der` takes it, unless it has a password."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, encryption)


def a_small_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_new_key_is_an_rsa_pair_of_3072_bits(ours: DeliveryKey) -> None:
    public = load_pem_public_key(ours.public_pem.encode())
    private = load_der_private_key(ours.private_der(), password=None)

    assert isinstance(public, rsa.RSAPublicKey)
    assert (public.key_size, public.public_numbers().e) == (3072, 65537)
    assert private.public_key() == public
    assert ours.public_pem.startswith("-----BEGIN PUBLIC KEY-----\n")


def test_each_new_key_is_another(ours: DeliveryKey) -> None:
    assert new_delivery_key().public_pem != ours.public_pem


def test_stored_key_is_the_same_again(ours: DeliveryKey) -> None:
    again = DeliveryKey.from_der(ours.private_der())

    assert (again.private_der(), again.public_pem) == (ours.private_der(), ours.public_pem)


@pytest.mark.parametrize(
    "show", [repr, str, ascii, "{}".format, pformat, lambda key: json.dumps([key], default=str)]
)
def test_key_shows_nothing(ours: DeliveryKey, show: Callable[[DeliveryKey], str]) -> None:
    assert show(ours).strip('[]"') == "<DeliveryKey>"


def test_tools_that_read_every_attribute_find_no_number_of_it(ours: DeliveryKey) -> None:
    seen = repr({name: getattr(ours, name) for name in dir(ours) if name != "public_pem"})

    numbers = ours._pair.private_numbers()
    for secret in (numbers.d, numbers.p, numbers.q):
        assert str(secret) not in seen
        assert f"{secret:x}" not in seen
    assert repr(ours.private_der())[2:-1] not in seen


REFUSED: dict[str, Any] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "vars": vars,
    "iter": iter,
    "bytes": bytes,
    "json": json.dumps,
    "reduce": lambda key: key.__reduce__(),
    "state": lambda key: key.__getstate__(),
    **{
        f"pickle {protocol}": lambda key, protocol=protocol: pickle.dumps([key], protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_key_refuses_to_be_duplicated_or_written(ours: DeliveryKey, name: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[name](ours)


def test_key_does_not_change(ours: DeliveryKey) -> None:
    for name in ("_pair", "public_pem", "note"):
        with pytest.raises(AttributeError):
            setattr(ours, name, "other")
    with pytest.raises(AttributeError):
        del ours._pair


UNFIT: dict[str, Callable[[DeliveryKey], bytes]] = {
    "too small": lambda key: der_of(a_small_pair()),
    "of another kind": lambda key: der_of(ec.generate_private_key(ec.SECP256R1())),
    "with a password": lambda key: der_of(key._pair, b"a password"),
    "PEM": lambda key: key._pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "public": lambda key: key.public_pem.encode(),
    "cut": lambda key: key.private_der()[:-1],
    "drawn out": lambda key: key.private_der() + b"\0",
    "altered": lambda key: key.private_der()[:-1] + bytes([key.private_der()[-1] ^ 1]),
    "empty": lambda key: b"",
    "words": lambda key: b"no key at all, but a sentence of some length",
}


@pytest.mark.parametrize("kind", UNFIT)
def test_unfit_key_is_no_recipient_and_is_not_quoted(ours: DeliveryKey, kind: str) -> None:
    stored = UNFIT[kind](ours)

    with pytest.raises(DeliveryRefused) as caught:
        DeliveryKey.from_der(stored)

    refusal = caught.value
    assert refusal.code == "recipient"
    assert (refusal.__cause__, refusal.__context__) == (None, None)
    assert leaks(refusal, repr(stored)[2:-1], part(stored)) == []


def test_no_key_of_fewer_bits_is_made() -> None:
    with pytest.raises(DeliveryRefused, match="recipient"):
        DeliveryKey(a_small_pair())


def test_unforeseen_failure_does_not_quote_the_key(
    ours: DeliveryKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = ours.private_der()

    def fail(data: bytes, password: None) -> None:
        raise MemoryError(data)

    monkeypatch.setattr("stripe_keys.vault.delivery_keys.load_der_private_key", fail)
    with pytest.raises(DeliveryRefused) as caught:
        DeliveryKey.from_der(stored)

    assert caught.value.code == "failed"
    assert leaks(caught.value, repr(stored)[2:-1]) == []
