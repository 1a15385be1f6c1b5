"""What Vault's answers mean. None of its words is repeated, for they may quote what it was asked.

Its API documentation ("Transit secrets engine") says what a good answer holds; which of its errors means what, only its
code does (sdk/helper/keysutil/policy.go, builtin/logical/transit).
"""

from typing import Any

import requests

from stripe_keys.vault.errors import KeyEncryptionKeyMissing, KeyServiceAway, VaultError, WillNotOpen

# Asked in this order: a version that Vault does not know is an "invalid ciphertext" to it, though the row may be whole.
_SAYS_MISSING = ("too old", "too new", "no such key version", "key not found", "policy not found")
_SAYS_DAMAGED = ("invalid ciphertext", "message authentication failed")


def data_in(answer: requests.Response, kek_id: str) -> dict[str, Any]:
    """What a good answer holds.

    Raises:
        WillNotOpen, KeyEncryptionKeyMissing, KeyServiceAway: it is not a good one.
    """
    if answer.status_code != requests.codes.ok:
        raise meaning(answer, kek_id)
    data = _body(answer).get("data")
    if not isinstance(data, dict):
        raise garbage()
    return data


def text_in(data: dict[str, Any], name: str) -> str:
    """A text that Vault always gives; raises KeyServiceAway."""
    text = data.get(name)
    if not isinstance(text, str):
        raise garbage()
    return text


def number_in(data: dict[str, Any], name: str) -> int:
    """A whole number that Vault always gives; raises KeyServiceAway."""
    number = data.get(name)
    if not isinstance(number, int):
        raise garbage()
    return number


def garbage() -> KeyServiceAway:
    """A proxy's page, half an answer, another service."""
    return KeyServiceAway("What answers at VAULT_TRANSIT_ADDRESS does not answer as Vault does.")


def meaning(answer: requests.Response, kek_id: str) -> VaultError:
    """What an answer other than 200 says about the key and about what was to be opened."""
    said = str(_body(answer).get("errors", "")).lower()
    status = answer.status_code
    # Vault says 403 of an expired token, of a policy and of a path that does not exist. Waiting mends none of them, and
    # nothing is known about the row: somebody must give the site its key back.
    if status == requests.codes.forbidden:
        return KeyEncryptionKeyMissing(
            f"Vault keeps {kek_id!r} from this site: see the token and its policy."
        )
    is_about_the_request = status == requests.codes.bad_request
    if status == requests.codes.not_found or (is_about_the_request and _is_one_of(_SAYS_MISSING, said)):
        return KeyEncryptionKeyMissing(
            f"Vault does not have the key-encryption key {kek_id!r}, or no longer decrypts with it: see its"
            " min_decryption_version, VAULT_TRANSIT_MOUNT and VAULT_TRANSIT_KEY."
        )
    if is_about_the_request and _is_one_of(_SAYS_DAMAGED, said):
        return WillNotOpen(f"Vault does not open a wrapped data key of {kek_id!r}.")
    if answer.is_redirect:
        return KeyServiceAway("Vault sends the site elsewhere: give VAULT_TRANSIT_ADDRESS its active node.")
    if status == requests.codes.service_unavailable:
        return KeyServiceAway("Vault is sealed or in maintenance.")
    return KeyServiceAway(f"Vault did not do what it was asked (HTTP status {status}).")


def _is_one_of(known: tuple[str, ...], said: str) -> bool:
    return any(words in said for words in known)


def _body(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}
