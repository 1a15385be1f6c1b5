"""What the Stripe App asks for, and why: read from the app's manifest alone.

The catalogue (`stripe_keys.catalogue`) adds what Stripe's screens call a permission and which request proves it; a
manifest that names a permission without a probe is refused at start-up (`stripe_keys.checks`).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings

from stripe_keys.catalogue import PROBES, link_name_of


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
def _required_in(manifest: Path) -> tuple[RequiredPermission, ...]:
    try:
        listed = json.loads(manifest.read_text())["permissions"]
        wanted = {str(entry["permission"]): str(entry["purpose"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError):
        raise ManifestError(f"{manifest.name} is not a readable app manifest.") from None
    unknown = sorted(set(wanted) - set(PROBES))
    if unknown:
        raise ManifestError(f"{manifest.name} asks for permissions without a probe: {', '.join(unknown)}.")
    return tuple(RequiredPermission(name, purpose, PROBES[name].label) for name, purpose in wanted.items())


def required() -> tuple[RequiredPermission, ...]:
    """The permissions that the Stripe App asks for, in the manifest's order.

    Raises:
        ManifestError: the manifest cannot be read, or names a permission that the catalogue has no probe for.
    """
    return _required_in(Path(settings.STRIPE_APP_MANIFEST))


def label_of(permission: str) -> str:
    """What Stripe's screens call `permission`'s resource; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return probe.label if probe else permission


def words_for(permission: str) -> str:
    """`Customers: write`: resource and access in one; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return f"{probe.label}: {probe.access}" if probe else permission


def prefilled_dashboard_link(*, livemode: bool) -> str:
    """Stripe's page for making a restricted key by hand, with the manifest's permissions ticked.

    Stripe does not document this address (`docs/stripe-assumptions.md`); it is a fallback, and the key it makes has no
    tie to the app.
    """
    fields = [
        ("name", settings.SITE_NAME),
        *(("permissions[]", link_name_of(one.permission)) for one in required()),
    ]
    path = "/apikeys/create" if livemode else "/test/apikeys/create"
    return f"{settings.STRIPE_DASHBOARD_BASE}{path}?{urlencode(fields)}"


def account_details_link() -> str:
    """Stripe's page with the id of the account that is signed in; the same in both modes."""
    return f"{settings.STRIPE_DASHBOARD_BASE}/settings/account"


def edit_key_link(stripe_key_id: str, *, livemode: bool, stripe_account_id: str = "") -> str:
    """Stripe's page for editing a key's permissions, or the list of keys where the key's id is not known.

    With the account too it is the address that Stripe's own refusals give, by which the Dashboard picks the account.
    """
    path = f"/apikeys/{stripe_key_id}/edit" if stripe_key_id else "/apikeys"
    page = f"{'' if livemode else '/test'}{path}"
    if stripe_key_id and stripe_account_id:
        page = f"/b/{stripe_account_id}?destination={quote(page, safe='')}"
    return f"{settings.STRIPE_DASHBOARD_BASE}{page}"
