"""The Stripe App's manifest: which permissions it asks for, and why. Needs no settings and nothing but Python."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stripe_keys.catalogue import PROBES


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


@lru_cache(maxsize=4)
def required_in(manifest: Path) -> tuple[RequiredPermission, ...]:
    """The permissions that `manifest` asks for, in its order.

    Raises:
        ManifestError: it cannot be read, or names a permission that the catalogue has no probe for.
    """
    try:
        listed = json.loads(manifest.read_text(encoding="utf-8"))["permissions"]
        wanted = {str(entry["permission"]): str(entry["purpose"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError):
        raise ManifestError(f"{manifest.name} is not a readable app manifest.") from None
    unknown = sorted(set(wanted) - set(PROBES))
    if unknown:
        raise ManifestError(f"{manifest.name} asks for permissions without a probe: {', '.join(unknown)}.")
    return tuple(RequiredPermission(name, purpose, PROBES[name].label) for name, purpose in wanted.items())


def words_for(permission: str) -> str:
    """`Customers: write`: resource and access in one; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return f"{probe.label}: {probe.access}" if probe else permission
