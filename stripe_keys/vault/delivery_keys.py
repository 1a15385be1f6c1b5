"""Delivery keys: RSA pairs for which Stripe encrypts the app-managed keys that it makes."""

from typing import Any, NoReturn, Self, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from stripe_keys.vault.errors import DeliveryFault, DeliveryRefused

BITS = 3072
_EXPONENT = 65537


@final
class DeliveryKey:
    """One RSA pair of 3072 bits or more; it prints as nothing, and is neither copied nor pickled.

    Raises:
        DeliveryRefused: `recipient`: fewer bits.
    """

    __slots__ = ("_pair",)
    _pair: RSAPrivateKey  # an object of the library, which does not print its numbers either

    def __init__(self, pair: RSAPrivateKey) -> None:
        if pair.key_size < BITS:
            raise DeliveryRefused("recipient")
        object.__setattr__(self, "_pair", pair)

    @classmethod
    def from_der(cls, private_der: bytes) -> Self:
        """The pair that `private_der()` gave.

        Raises:
            DeliveryRefused: `recipient`: not an RSA key in unencrypted DER, or one of fewer than 3072 bits; `failed`.
        """
        pair = _loaded(private_der)
        del private_der  # a report that shows variables would quote it
        if not isinstance(pair, RSAPrivateKey):
            raise DeliveryRefused(pair)
        return cls(pair)

    def private_der(self) -> bytes:
        """The private key itself, PKCS #8 in DER, in the clear: for the vault to encrypt, and for nobody else."""
        return self._pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    private_der.alters_data = True  # type: ignore[attr-defined]  # templates call what they can, but not this

    @property
    def public_pem(self) -> str:
        """The public key as Stripe's `public_key.pem_key` takes it: SubjectPublicKeyInfo in PEM."""
        public = self._pair.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def __init_subclass__(cls, **kwargs: Any) -> NoReturn:
        raise TypeError("A delivery key has no subclasses.")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A delivery key does not change.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A delivery key does not change.")

    def __repr__(self) -> str:
        return "<DeliveryKey>"

    def __copy__(self) -> NoReturn:
        raise TypeError("A delivery key is not copied.")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("A delivery key is not copied.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A delivery key is not pickled.")

    def __getstate__(self) -> NoReturn:
        raise TypeError("A delivery key is not pickled.")


def new_delivery_key() -> DeliveryKey:
    """A fresh pair, in about a tenth of a second."""
    return DeliveryKey(generate_private_key(public_exponent=_EXPONENT, key_size=BITS))


def pair_of(key: DeliveryKey) -> RSAPrivateKey:
    """The library's object inside, for `jwe` alone."""
    return key._pair


def _loaded(private_der: bytes) -> RSAPrivateKey | DeliveryFault:
    """The pair or why not: returned, for an exception's frames would hold the bytes."""
    try:
        pair = load_der_private_key(private_der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "recipient"
    except Exception:
        return "failed"
    return pair if isinstance(pair, RSAPrivateKey) else "recipient"
