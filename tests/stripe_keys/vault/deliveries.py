"""Makers of deliveries, good and hostile, and what tells whether a refusal gives any of one away."""

import json
import os
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jwe
from joserfc.jwk import RSAKey

from stripe_keys.vault import DeliveryKey, DeliveryRefused, open_delivery

ALGS = ("RSA-OAEP", "RSA-OAEP-256")
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "RSA-OAEP": hashes.SHA1(),  # noqa: S303  # JOSE's name for OAEP with SHA-1
    "RSA-OAEP-256": hashes.SHA256(),
    "RSA-OAEP-384": hashes.SHA384(),
    "RSA-OAEP-512": hashes.SHA512(),
}
_CEK_BYTES = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}


def part(content: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def by_library(
    key: DeliveryKey, plaintext: str | bytes, *, alg: str = "RSA-OAEP-256", enc: str = "A256GCM", **more: Any
) -> str:
    """As joserfc makes one."""
    known = [alg, enc, "DEF"]
    public = RSAKey.import_key(key.public_pem)
    return jwe.encrypt_compact({"alg": alg, "enc": enc, **more}, plaintext, public, algorithms=known)


def by_hand(
    key: DeliveryKey,
    plaintext: str | bytes,
    *,
    alg: str = "RSA-OAEP-256",
    enc: str = "A256GCM",
    header: bytes | None = None,
    cek_bytes: int | None = None,
    **more: Any,
) -> str:
    """As RFC 7516 says it, step by step; `header` overrides what stands in the header, not what is done."""
    if header is None:
        header = json.dumps({"alg": alg, "enc": enc, **more}).encode()
    cek, nonce = os.urandom(cek_bytes or _CEK_BYTES[enc]), os.urandom(12)
    encrypted_key = _public(key).encrypt(cek, _padding(alg))
    content = plaintext.encode() if isinstance(plaintext, str) else plaintext
    sealed = AESGCM(cek).encrypt(nonce, content, part(header).encode())
    return ".".join(part(each) for each in (header, encrypted_key, nonce, sealed[:-16], sealed[-16:]))


def _public(key: DeliveryKey) -> RSAPublicKey:
    public = load_pem_public_key(key.public_pem.encode())
    assert isinstance(public, RSAPublicKey)
    return public


def _padding(alg: str) -> padding.AsymmetricPadding:
    if alg == "RSA1_5":
        return padding.PKCS1v15()
    digest = _DIGESTS[alg]
    return padding.OAEP(padding.MGF1(digest), digest, None)


def refusal_of(token: Any, key: DeliveryKey, *, hidden: tuple[str, ...] = ()) -> DeliveryRefused:
    """How `token` is refused; nothing of it, nor of what is `hidden` in it, is told by the refusal."""
    with pytest.raises(DeliveryRefused) as caught:
        open_delivery(token, private_key=key)
    refusal = caught.value
    assert (refusal.__cause__, refusal.__context__, refusal.args) == (None, None, (refusal.code,))
    assert leaks(refusal, token, *hidden) == []
    return refusal


def leaks(problem: BaseException, *secrets: Any) -> list[str]:
    """Which pieces of `secrets` a problem tells: in words, arguments, tracebacks, or variables of its frames."""
    told = "\n".join(
        [repr(problem), str(problem), repr(problem.args), *_formatted(problem), *_variables(problem)]
    )
    return sorted({piece for secret in secrets for piece in _pieces(secret) if piece in told})


def _formatted(problem: BaseException) -> Iterator[str]:
    yield from traceback.format_exception(problem, chain=True)


def _variables(problem: BaseException) -> Iterator[str]:
    """Of every frame but the one that caught it, which is a test's own; and of whatever stands in the chain."""
    for each in (problem, problem.__cause__, problem.__context__):
        step = each.__traceback__ if each else None
        if each is problem and step:
            step = step.tb_next
        while step:
            yield repr(step.tb_frame.f_locals)
            step = step.tb_next


def _pieces(secret: Any) -> Iterator[str]:
    """The dotted parts, and every eighth run of twelve characters; what is shorter says nothing that a word may not."""
    for text in str(secret).split("."):
        pieces = [text, *(text[at : at + 12] for at in range(0, min(len(text), 2000) - 12, 8))]
        yield from (piece for piece in pieces if len(piece) >= 12)
