"""What the Stripe App asks for, and why: read from the app's manifest alone.

The catalogue (`stripe_keys.catalogue`) adds what Stripe's screens call a permission and which request proves it; a
manifest that names a permission without a probe is refused at start-up (`stripe_keys.checks`).
"""

from urllib.parse import quote, urlencode

from django.conf import settings

from stripe_keys import purposes
from stripe_keys.catalogue import PROBES, link_name_of
from stripe_keys.manifest import ManifestError, RequiredPermission, words_for
from stripe_keys.purposes import DEFAULT_PURPOSE

__all__ = [
    "ManifestError",
    "RequiredPermission",
    "account_details_link",
    "edit_key_link",
    "label_of",
    "most_required",
    "prefilled_dashboard_link",
    "required",
    "words_for",
]


def required(purpose: str = DEFAULT_PURPOSE) -> tuple[RequiredPermission, ...]:
    """The permissions that keys of that purpose are asked for, in the order of its file; by default the manifest's.

    Of a key that exists, `stripe_keys.needs` says what it needs, also where its purpose was given up.

    Raises:
        ManifestError: the file cannot be read, or names a permission that the catalogue has no probe for.
        UnknownPurpose: no such purpose is defined.
    """
    return purposes.get(purpose).required


def most_required() -> int:
    """How many permissions the purpose with the longest list asks for."""
    return max(len(one.required) for one in purposes.defined())


def label_of(permission: str) -> str:
    """What Stripe's screens call `permission`'s resource; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return probe.label if probe else permission


def prefilled_dashboard_link(*, livemode: bool, purpose: str = DEFAULT_PURPOSE) -> str:
    """Stripe's page for making a restricted key by hand, with the permissions of `purpose` ticked.

    Stripe does not document this address (`docs/stripe-assumptions.md`); it is a fallback, and the key it makes has no
    tie to the app.
    """
    wanted = purposes.get(purpose)
    name = settings.SITE_NAME if wanted.is_default else f"{settings.SITE_NAME}: {wanted.label}"
    fields = [
        ("name", name),
        *(("permissions[]", link_name_of(one.permission)) for one in wanted.required),
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
