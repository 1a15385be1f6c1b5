"""How a new key's secret travels: a compact JWE for the caller's public key, or one of its hostile relatives."""

import base64
import json
import re
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import OctKey, RSAKey

from stripe_simulator import errors, tokens

SHORTEST_BITS = 2048
_LINES = re.compile(r"\s*-----BEGIN [A-Z ]+-----\r?\n[A-Za-z0-9+/=\s]+\r?\n-----END [A-Z ]+-----\s*")


def public_key_of(given: Any) -> RSAPublicKey:
    """The key in `public_key`; ApiError 400 unless it is RSA in PEM, of 2048 bits or more."""
    pem_key = given.get("pem_key") if isinstance(given, dict) else None
    if not isinstance(pem_key, dict) or pem_key.get("algorithm") != "RSA":
        raise errors.bad_request("public_key.pem_key.algorithm: must be RSA.", param="public_key")
    data = str(pem_key.get("data", ""))
    if not _LINES.fullmatch(data):
        raise errors.bad_request("public_key.pem_key.data: Invalid PEM.", param="public_key")
    try:
        key = load_pem_public_key(data.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.bad_request("public_key.pem_key.data: Invalid PEM.", param="public_key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < SHORTEST_BITS:
        raise errors.bad_request("public_key.pem_key.data: RSA keys need 2048 bits.", param="public_key")
    return key


def delivered(token: str, recipient: RSAPublicKey, *, kind: str, label: str) -> dict[str, str]:
    """`encrypted_secret` for that key, sound or spoilt as `kind` says."""
    if kind == "wrong_recipient":
        recipient = generate_private_key(public_exponent=65537, key_size=2048).public_key()
    text = _content(token, kind)
    jwe = _jwe(text, recipient, kind)
    if kind == "truncated":
        jwe = jwe[: len(jwe) // 2]
    elif kind == "altered":
        head, _, tag = jwe.rpartition(".")
        # Its first character: not every bit of the last one counts.
        jwe = f"{head}.{'A' if tag[0] != 'A' else 'B'}{tag[1:]}"
    return {
        "ciphertext": _as_json(jwe) if kind == "json" else jwe,
        "format": "jwe_json" if kind == "json" else "jwe_compact",
        "recipient_key_id": "somebody-else" if kind == "wrong_label" else label,
    }


def _as_json(jwe: str) -> str:
    """The same in the standard's other form, which has no dots between the parts."""
    names = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
    return json.dumps(dict(zip(names, jwe.split("."), strict=True)))


def _content(token: str, kind: str) -> str:
    if kind == "not_a_key":
        return json.dumps({"key": "none"})
    if kind == "other_mode":
        return token.replace("_live_", "_test_") if "_live_" in token else token.replace("_test_", "_live_")
    if kind == "unrestricted":
        return "sk_" + token[3:]
    return token


def _jwe(text: str, recipient: RSAPublicKey, kind: str) -> str:
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    if kind in ("RSA-OAEP", "RSA1_5"):
        header["alg"] = kind
    if kind == "A128GCM":
        header["enc"] = kind
    if kind == "zip":
        header["zip"] = "DEF"
    registry = JWERegistry(algorithms=[header["alg"], header["enc"], "DEF", "dir"])
    if kind == "dir":
        secret = OctKey.import_key(base64.urlsafe_b64encode(tokens.letters(32).encode())[:32])
        return encrypt_compact({**header, "alg": "dir"}, text, secret, registry=registry)
    return encrypt_compact(header, text, RSAKey.import_key(recipient), registry=registry)
