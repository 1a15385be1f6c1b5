"""As much of Vault's HTTP API as a transit key needs, with its statuses and its words, and faults on demand."""

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.stripe_keys.vault.answering import Answer, Answering, Asked

_TOO_OLD = "ciphertext or signature version is disallowed by policy (too old)"
_NONCE_BYTES = 12


def errors(status: int, *words: str) -> Answer:
    """An error as Vault words it."""
    return Answer(status, json.dumps({"errors": list(words)}).encode())


def data(**values: Any) -> Answer:
    """A good answer."""
    return Answer(200, json.dumps({"request_id": "1", "lease_id": "", "data": values}).encode())


FAULTS: dict[str, Answer | None] = {
    "sealed": errors(503, "Vault is sealed"),
    "rate limit": errors(429, "request path: rate limit quota exceeded"),
    "broken": errors(500, "1 error occurred: internal error"),
    "bad gateway": Answer(502, b"<html>no upstream</html>", {"Content-Type": "text/html"}),
    "garbage": Answer(200, b"<html>Sign in to the hotel</html>", {"Content-Type": "text/html"}),
    "half an answer": Answer(200, b'{"data": {"plaintext": '),
    "a list": Answer(200, b"[]"),
    "no data": Answer(200, b'{"data": null}'),
    "empty data": data(),
    "numbers": data(plaintext=1, ciphertext=2, latest_version="3", type="aes256-gcm96"),
    "odd errors": Answer(400, b'[{"errors": 7}]'),
    "another refusal": errors(400, "missing client token"),
    "silence": None,
}


@dataclass
class TransitKey:
    """A key and its versions, the oldest first."""

    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    min_decryption_version: int = 1
    type: str = "aes256-gcm96"
    derived: bool = False

    def rotate(self) -> None:
        """One version more."""
        self.versions.append(os.urandom(32))


class TransitStub:
    """A Vault with one transit mount; every attribute may be changed while it runs."""

    def __init__(self, token: str) -> None:
        self.tokens = {token}
        self.keys = {"merchants": TransitKey()}
        self.mount = "transit"
        self.namespace = ""
        self.binds = True  # False: as before 1.13, associated data is ignored
        self.fault = ""
        self.redirect_to = ""
        self.server = Answering(self._answer)

    @property
    def key(self) -> TransitKey:
        """The key of most tests."""
        return self.keys["merchants"]

    @property
    def actions(self) -> list[str]:
        """What was asked for, in order: keys, encrypt, decrypt."""
        return [asked.path.split("/")[-2] for asked in self.server.asked]

    def _answer(self, asked: Asked) -> Answer | None:
        if self.redirect_to:
            return Answer(307, headers={"Location": self.redirect_to + asked.path})
        if self.fault:
            return FAULTS[self.fault]
        if asked.headers.get("X-Vault-Token") not in self.tokens:
            return errors(403, "permission denied")
        parts = asked.path.removeprefix("/v1/").split("/")
        here = asked.headers.get("X-Vault-Namespace", "") == self.namespace
        if not here or len(parts) != 3 or parts[0] != self.mount:
            return errors(404, "no handler for route")
        key = self.keys.get(parts[2])
        if parts[1] == "keys":
            return self._read(key)
        if key is None:
            return errors(400, "encryption key not found")
        given = json.loads(asked.body)
        aad = base64.b64decode(given.get("associated_data", "")) if self.binds else b""
        if parts[1] == "encrypt":
            return _encrypt(key, base64.b64decode(given["plaintext"]), aad)
        return _decrypt(key, given["ciphertext"], aad)

    def _read(self, key: TransitKey | None) -> Answer:
        if key is None:
            return errors(404)
        return data(
            type=key.type,
            derived=key.derived,
            latest_version=len(key.versions),
            min_decryption_version=key.min_decryption_version,
        )


def _encrypt(key: TransitKey, plaintext: bytes, aad: bytes) -> Answer:
    version, nonce = len(key.versions), os.urandom(_NONCE_BYTES)
    locked = nonce + AESGCM(key.versions[-1]).encrypt(nonce, plaintext, aad)
    ciphertext = f"vault:v{version}:{base64.b64encode(locked).decode()}"
    return data(ciphertext=ciphertext, key_version=version)


def _decrypt(key: TransitKey, ciphertext: str, aad: bytes) -> Answer:
    _, _, numbered = ciphertext.partition("vault:v")
    number, _, encoded = numbered.partition(":")
    version = int(number)
    if version > len(key.versions):
        return errors(400, "invalid ciphertext: version is too new")
    if version < key.min_decryption_version:
        return errors(400, _TOO_OLD)
    try:
        locked = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return errors(400, "invalid ciphertext: could not decode base64")
    if len(locked) < _NONCE_BYTES:
        return errors(400, "invalid ciphertext length")
    try:
        opened = AESGCM(key.versions[version - 1]).decrypt(locked[:_NONCE_BYTES], locked[_NONCE_BYTES:], aad)
    except InvalidTag:
        return errors(400, "cipher: message authentication failed")
    return data(plaintext=base64.b64encode(opened).decode())
