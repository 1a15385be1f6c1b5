"""The Stripe App's manifest: which permissions it asks for, and why. Needs no settings and nothing but Python."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stripe_keys.catalogue import PROBES

OF_THE_APP_ALONE = frozenset({"api_key_write"})
"""What an app asks for itself: its keys do not get it, and no key is asked for it."""


@dataclass(frozen=True)
class RequiredPermission:
    """One permission of the manifest, with its purpose in the partner's words."""

    permission: str
    purpose: str
    label: str

    @property
    def access(self) -> str:
        """`read` or `write`, as the Dashboard's columns say."""
        return self.permission.rpartition("_")[2]


class ManifestError(Exception):
    """The app's manifest cannot be used; the message names the permission or the file."""


@dataclass(frozen=True)
class Listed:
    """A list of permissions, and what people call it if it says so."""

    required: tuple[RequiredPermission, ...]
    label: str = ""


def required_in(manifest: Path) -> tuple[RequiredPermission, ...]:
    """The permissions that `manifest` asks for, in its order.

    Raises:
        ManifestError: it cannot be read, or names a permission that the catalogue has no probe for.
    """
    return read(manifest).required


@lru_cache(maxsize=64)
def read(file: Path) -> Listed:
    """What `file` asks for: an app's manifest, or a bare list of its permissions, which must not be empty.

    Raises:
        ManifestError: it cannot be read, or names a permission that the catalogue has no probe for.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        is_bare = isinstance(content, list)
        listed = content if is_bare else content["permissions"]
        wanted = {str(entry["permission"]): str(entry["purpose"]) for entry in listed}
        of_the_app = OF_THE_APP_ALONE if not is_bare and "id" in content else frozenset()
        label = "" if is_bare else str(content.get("label", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ManifestError(f"{file.name} is not a readable app manifest.") from None
    if is_bare and not wanted:
        raise ManifestError(f"{file.name} names no permission.")
    of_keys = {name: why for name, why in wanted.items() if name not in of_the_app}
    unknown = sorted(set(of_keys) - set(PROBES))
    if unknown:
        raise ManifestError(f"{file.name} asks for permissions without a probe: {', '.join(unknown)}.")
    return Listed(
        tuple(RequiredPermission(name, why, PROBES[name].label) for name, why in of_keys.items()),
        label.strip(),
    )


def words_for(permission: str) -> str:
    """`Customers: write`: resource and access in one; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return f"{probe.label}: {probe.access}" if probe else permission
