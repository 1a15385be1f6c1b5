"""What the Stripe App asks for, and why: read from the app's manifest alone.

The catalogue (`stripe_keys.catalogue`) adds what Stripe's screens call a permission and which request proves it; a
manifest that names a permission without a probe is refused at start-up (`stripe_keys.checks`).
"""

from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings

from stripe_keys.catalogue import PROBES, link_name_of
from stripe_keys.manifest import ManifestError, RequiredPermission, required_in, words_for

__all__ = [
    "ManifestError",
    "RequiredPermission",
    "account_details_link",
    "edit_key_link",
    "label_of",
    "prefilled_dashboard_link",
    "required",
    "words_for",
]


def required() -> tuple[RequiredPermission, ...]:
    """The permissions that the Stripe App asks for, in the manifest's order.

    Raises:
        ManifestError: the manifest cannot be read, or names a permission that the catalogue has no probe for.
    """
    return required_in(Path(settings.STRIPE_APP_MANIFEST))


def label_of(permission: str) -> str:
    """What Stripe's screens call `permission`'s resource; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return probe.label if probe else permission


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
