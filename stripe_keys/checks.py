"""Start-up checks of what keys depend on: the manifest, and key material that opens what it locks."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from stripe_keys import permissions, vault


def register_checks() -> None:
    """Add this app's checks to Django's."""
    register(check_manifest)
    register(check_key_material, Tags.security)


def check_manifest(**_: Any) -> list[CheckMessage]:
    """The app manifest is readable and every permission in it has a probe."""
    try:
        permissions.required()
    except permissions.ManifestError as problem:
        return [Error(str(problem), id="stripe_keys.E001")]
    return []


def check_key_material(**_: Any) -> list[CheckMessage]:
    """The configured key-encryption and fingerprint keys are well-formed."""
    try:
        vault.check_key_material()
    except vault.VaultError as problem:
        return [Error(str(problem), id="stripe_keys.E002")]
    return []
