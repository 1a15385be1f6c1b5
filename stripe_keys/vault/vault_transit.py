"""Key-encryption keys that HashiCorp Vault's transit engine holds: `vault-transit/<key name>:v<version>`.

Data keys are encrypted under the newest version of VAULT_TRANSIT_KEY, and each version counts as a key-encryption key
of its own: to rotate the key in Vault is a rotation here.
"""

import base64
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import hvac  # type: ignore[import-untyped]
import requests
from django.conf import settings
from hvac.adapters import RawAdapter  # type: ignore[import-untyped]

from stripe_keys.vault.errors import BadKeyMaterial, KeyEncryptionKeyMissing, KeyServiceAway, WillNotOpen
from stripe_keys.vault.key_services import KeyContext, Wrapped, prove_round_trip
from stripe_keys.vault.transit_answers import data_in, garbage, meaning, number_in, text_in

REMEMBERED_SECONDS: Final = 30.0
_KEY_TYPE: Final = "aes256-gcm96"
_PREFIX: Final = "vault-transit/"
_NAME = re.compile(r"\w(?:[\w.-]{0,80}\w)?", re.ASCII)
_VERSION: Final = "[1-9][0-9]{0,5}"
_KEK_ID = re.compile(rf"{_PREFIX}({_NAME.pattern}):v({_VERSION})", re.ASCII)
_CIPHERTEXT = re.compile(rf"vault:v({_VERSION}):[A-Za-z0-9+/]+={{0,2}}")


@dataclass(slots=True)
class _Versions:
    """Which versions Vault decrypts with, as it said at `read_at`."""

    oldest: int
    latest: int
    read_at: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key is, as the settings say."""

    address: str
    namespace: str
    mount: str
    key: str
    token: str = field(repr=False)
    seconds: float


class _Door:
    """A connection to one Vault with its token, and what was learned through it."""

    def __init__(self, place: _Place) -> None:
        self.place = place
        self.versions: _Versions | None = None
        self.binds = False
        self._client = hvac.Client(
            url=place.address,
            token=place.token,
            namespace=place.namespace or None,
            timeout=place.seconds,
            allow_redirects=False,  # the token would travel along
            adapter=RawAdapter,
            ignore_exceptions=True,  # every answer is read here, by its status
        )

    def encrypt(self, data_key: bytes, context: KeyContext) -> requests.Response:
        """Vault's answer to `encrypt`, under the newest version."""
        return self._ask(
            lambda transit: transit.encrypt_data(
                self.place.key,
                plaintext=_base64(data_key),
                associated_data=_base64(context.associated_data()),
                mount_point=self.place.mount,
            )
        )

    def decrypt(self, key: str, ciphertext: str, context: KeyContext) -> requests.Response:
        """Vault's answer to `decrypt`."""
        return self._ask(
            lambda transit: transit.decrypt_data(
                key,
                ciphertext=ciphertext,
                associated_data=_base64(context.associated_data()),
                mount_point=self.place.mount,
            )
        )

    def read_versions(self) -> _Versions:
        """Which versions there are; raises VaultError if there is no usable key."""
        key, asked_at = self.place.key, time.monotonic()
        answer = self._ask(lambda transit: transit.read_key(key, mount_point=self.place.mount))
        data = data_in(answer, f"{_PREFIX}{key}")
        if data.get("type") != _KEY_TYPE or data.get("derived"):
            raise BadKeyMaterial(f"The transit key {key!r} must be of type {_KEY_TYPE}, and not derived.")
        oldest = max(1, number_in(data, "min_decryption_version"))
        self.versions = _Versions(oldest, number_in(data, "latest_version"), asked_at)
        return self.versions

    def prove_that_it_binds(self, kek_id: str, ciphertext: str) -> None:
        """A Vault before 1.13 ignores associated data without a word: once, it must refuse other than was given."""
        answer = self.decrypt(self.place.key, ciphertext, KeyContext("elsewhere", "", 1))
        if answer.status_code == requests.codes.ok:
            raise BadKeyMaterial("This Vault binds a data key to nothing: it must be 1.13 or newer.")
        refusal = meaning(answer, kek_id)
        if not isinstance(refusal, WillNotOpen):
            raise refusal
        self.binds = True

    def _ask(self, request: Callable[[Any], requests.Response]) -> requests.Response:
        """Vault's answer, after one more attempt if an agent has renewed the token meanwhile."""
        token = self._client.token
        answer = self._answer(request)
        if answer.status_code == requests.codes.forbidden:
            renewed = _token_in_file()
            if renewed and renewed != token:
                self._client.token = renewed
                answer = self._answer(request)
        return answer

    def _answer(self, request: Callable[[Any], requests.Response]) -> requests.Response:
        try:
            return request(self._client.secrets.transit)
        except (requests.RequestException, ValueError) as problem:
            trouble = type(problem).__name__
        # Out here, where an error that quotes the request is no longer at hand.
        raise KeyServiceAway(f"Vault could not be reached or did not answer in time ({trouble}).")


_door_to = lru_cache(maxsize=8)(_Door)


def _door() -> _Door:
    """The door that the settings lead to.

    Raises:
        BadKeyMaterial: they lead nowhere.
    """
    for setting in ("ADDRESS", "TOKEN", "MOUNT", "KEY"):
        if not getattr(settings, f"VAULT_TRANSIT_{setting}"):
            raise BadKeyMaterial(f"VAULT_TRANSIT_{setting} is empty.")
    if not settings.VAULT_TRANSIT_ADDRESS.startswith(("https://", "http://")):
        raise BadKeyMaterial("VAULT_TRANSIT_ADDRESS must begin with https://.")
    if not _NAME.fullmatch(settings.VAULT_TRANSIT_KEY):
        raise BadKeyMaterial("VAULT_TRANSIT_KEY is not the name of a transit key.")
    return _door_to(
        _Place(
            address=settings.VAULT_TRANSIT_ADDRESS,
            namespace=settings.VAULT_TRANSIT_NAMESPACE,
            mount=settings.VAULT_TRANSIT_MOUNT,
            key=settings.VAULT_TRANSIT_KEY,
            token=settings.VAULT_TRANSIT_TOKEN,
            seconds=settings.KEY_SERVICE_TIMEOUT_SECONDS,
        )
    )


def _token_in_file() -> str:
    """The token as it stands now in the file that the settings took it from."""
    path = os.environ.get("VAULT_TRANSIT_TOKEN_FILE", "")
    try:
        return Path(path).read_text().rstrip("\r\n") if path else ""
    except (OSError, ValueError):
        return ""


class VaultTransit:
    """Key-encryption keys in HashiCorp Vault: a KeyService."""

    def primary_kek_id(self) -> str:
        """The newest version of VAULT_TRANSIT_KEY, as of at most REMEMBERED_SECONDS ago."""
        door = _door()
        known = door.versions
        if known is None or time.monotonic() - known.read_at > REMEMBERED_SECONDS:
            known = door.read_versions()
        return _kek_id(known.latest)

    def kek_ids(self) -> list[str]:
        """The versions that Vault was last heard to decrypt with; none if it was not asked yet."""
        known = _door().versions
        return [_kek_id(number) for number in range(known.latest, known.oldest - 1, -1)] if known else []

    def wrap(self, context: KeyContext, data_key: bytes) -> Wrapped:
        """Encrypted by Vault under its newest version, which the answer names."""
        door = _door()
        data = data_in(door.encrypt(data_key, context), f"{_PREFIX}{door.place.key}")
        ciphertext = text_in(data, "ciphertext")
        version = _version_of(ciphertext)
        if version is None:
            raise garbage()
        kek_id = _kek_id(version)
        if not door.binds:
            door.prove_that_it_binds(kek_id, ciphertext)
        if door.versions is not None:
            door.versions.latest = max(door.versions.latest, version)
        return Wrapped(kek_id, ciphertext.encode())

    def unwrap(self, kek_id: str, context: KeyContext, blob: bytes) -> bytes:
        """Decrypted by Vault under that very version; its key may be one that VAULT_TRANSIT_KEY named once."""
        named = _KEK_ID.fullmatch(kek_id)
        if named is None or not settings.VAULT_TRANSIT_ADDRESS:
            raise KeyEncryptionKeyMissing(
                f"The key-encryption key {kek_id!r} is not configured: see VAULT_TRANSIT_ADDRESS."
            )
        ciphertext = blob.decode("ascii", "replace")
        if _version_of(ciphertext) != int(named[2]):
            raise WillNotOpen(f"The wrapped data key is not what {kek_id!r} makes.")
        data = data_in(_door().decrypt(named[1], ciphertext, context), kek_id)
        return _decoded(text_in(data, "plaintext"))

    def health(self) -> None:
        """Read the key, wrap and unwrap something."""
        _door().read_versions()
        prove_round_trip(self)


def _kek_id(version: int) -> str:
    return f"{_PREFIX}{settings.VAULT_TRANSIT_KEY}:v{version}"


def _version_of(ciphertext: str) -> int | None:
    """The version of the key that made `ciphertext`; None if it is none of Vault's."""
    found = _CIPHERTEXT.fullmatch(ciphertext)
    return int(found[1]) if found else None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # which binascii.Error is, and what else is not ASCII
        pass
    raise garbage()
