"""Opens what Stripe delivers: one key inside a compact JWE (RFC 7516), made for a delivery key of ours.

Stripe's words say RSA-OAEP and AES-256-GCM, its sample says RSA-OAEP-256: these, and nothing else that JOSE knows, are
taken. The header is read before any key is touched, so nobody but us decides what is done with the rest.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import RSAKey

from stripe_keys.secret import NotAKey, Secret
from stripe_keys.vault.delivery_keys import DeliveryKey, pair_of
from stripe_keys.vault.errors import DeliveryFault, DeliveryRefused

LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_HEADER: Final = 1024
_ALGS: Final = frozenset({"RSA-OAEP", "RSA-OAEP-256"})
_ENC: Final = "A256GCM"
# `kid`, `typ` and `cty` are labels that senders commonly add. They are allowed because nothing is decided by them: the
# caller chose the key, and the plaintext is one whole Stripe key or it is refused. What would make a reader do
# something (zip: inflate; crit: obey; jwk, jku, x5u, x5c: fetch or trust another key) is not on the list, nor is
# anything that nobody has thought of yet.
_LABELS: Final = frozenset({"kid", "typ", "cty"})
_MEMBERS: Final = _LABELS | {"alg", "enc"}
_REGISTRY: Final = JWERegistry(
    algorithms=[*_ALGS, _ENC]
)  # names no `zip`: joserfc would refuse to inflate, too
# Five parts of base64url. The later ones may be empty here (`dir` has no encrypted key): the header is judged first.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]*){4}", re.ASCII)


def open_delivery(token: str, *, private_key: DeliveryKey) -> Secret:
    """The key inside `token`, which Stripe has encrypted for `private_key`; its mode is the caller's to compare.

    Nothing that is raised holds any of the token, its header or its content: not in its words, its chain or the
    variables of its frames.

    Raises:
        DeliveryRefused: see its codes.
    """
    code: DeliveryFault
    try:
        return _opened(token, private_key)
    except DeliveryRefused as refusal:
        code = refusal.code
    except Exception:  # its frames hold the token, and perhaps the key
        code = "failed"
    del token, private_key
    # A new one, and not in the `except`: it has no frames but this, and no context.
    raise DeliveryRefused(code)


def _opened(token: str, private_key: DeliveryKey) -> Secret:
    """As `open_delivery`, with frames that hold everything."""
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise DeliveryRefused("format")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise DeliveryRefused("format")
    _check(_header(parts.group(1)))
    return _key_in(_decrypted(token, private_key))


def _header(part: str) -> dict[str, Any]:
    """The protected header, in the one encoding that it can have; each member at most once."""
    if len(part) > _LONGEST_HEADER:
        raise DeliveryRefused("header")
    try:
        encoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if urlsafe_b64encode(encoded).rstrip(b"=").decode() != part:
            raise DeliveryRefused("header")
        header = json.loads(encoded.decode(), object_pairs_hook=_without_duplicates)
    except ValueError:
        raise DeliveryRefused("header") from None
    if not isinstance(header, dict):
        raise DeliveryRefused("header")
    return header


def _without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise DeliveryRefused("header")
    return found


def _check(header: dict[str, Any]) -> None:
    """That it asks for what we do, and for nothing else."""
    alg, enc = header.get("alg"), header.get("enc")
    if not isinstance(alg, str) or alg not in _ALGS or enc != _ENC:
        raise DeliveryRefused("algorithm")
    if not header.keys() <= _MEMBERS or not all(isinstance(value, str) for value in header.values()):
        raise DeliveryRefused("header")


def _decrypted(token: str, private_key: DeliveryKey) -> bytes:
    """The plaintext. Another recipient, an altered part and a part of the wrong length all look the same."""
    try:
        opened = decrypt_compact(token, RSAKey.import_key(pair_of(private_key)), registry=_REGISTRY)
    except (JoseError, ValueError):
        raise DeliveryRefused("recipient") from None
    return opened.plaintext or b""


def _key_in(plaintext: bytes) -> Secret:
    """The one whole key that the plaintext must be, to the last byte."""
    try:
        return Secret(plaintext.decode("ascii"))
    except (NotAKey, UnicodeDecodeError):
        raise DeliveryRefused("content") from None
