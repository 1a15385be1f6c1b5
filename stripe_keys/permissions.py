"""The permission catalogue: what the Stripe App asks for, why, and the harmless request that proves each one.

Which permissions are required is read from the app's manifest alone. The catalogue adds what Stripe's screens call a
permission and which request needs it; a manifest that names a permission without a probe is refused at start-up
(`stripe_keys.checks`).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings


@dataclass(frozen=True)
class Probe:
    """A read request (GET) that answers 403 without the permission and anything else with it."""

    permission: str
    label: str
    path: str


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


_READ_PROBES = (
    ("application_fee", "Application fees", "/v1/application_fees"),
    ("balance", "Balance", "/v1/balance"),
    ("balance_transaction_source", "Balance transactions", "/v1/balance_transactions"),
    ("charge", "Charges and refunds", "/v1/charges"),
    ("checkout_session", "Checkout Sessions", "/v1/checkout/sessions"),
    ("connected_account", "Accounts", "/v1/account"),
    ("coupon", "Coupons", "/v1/coupons"),
    ("credit_note", "Credit notes", "/v1/credit_notes"),
    ("customer", "Customers", "/v1/customers"),
    ("dispute", "Disputes", "/v1/disputes"),
    ("event", "Events", "/v1/events"),
    ("file", "Files", "/v1/files"),
    ("invoice", "Invoices", "/v1/invoices"),
    ("payment_intent", "PaymentIntents", "/v1/payment_intents"),
    ("payment_links", "Payment Links", "/v1/payment_links"),
    ("payout", "Payouts", "/v1/payouts"),
    ("plan", "Prices", "/v1/prices"),
    ("product", "Products", "/v1/products"),
    ("promotion_code", "Promotion codes", "/v1/promotion_codes"),
    ("quote", "Quotes", "/v1/quotes"),
    ("setup_intent", "SetupIntents", "/v1/setup_intents"),
    ("shipping_rate", "Shipping rates", "/v1/shipping_rates"),
    ("subscription", "Subscriptions", "/v1/subscriptions"),
    ("tax_rate", "Tax rates", "/v1/tax_rates"),
    ("top_up", "Top-ups", "/v1/topups"),
    ("transfer", "Transfers", "/v1/transfers"),
    ("webhook", "Webhook endpoints", "/v1/webhook_endpoints"),
)
_SINGLE_OBJECTS = {"/v1/account", "/v1/balance"}
PROBES = {
    f"{name}_read": Probe(
        f"{name}_read", label, path if path in _SINGLE_OBJECTS else f"{path}?{urlencode({'limit': 1})}"
    )
    for name, label, path in _READ_PROBES
}


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
    """What Stripe's screens call `permission`; its own name where the catalogue does not know it."""
    probe = PROBES.get(permission)
    return probe.label if probe else permission


def prefilled_dashboard_link(*, livemode: bool) -> str:
    """Stripe's page for making a restricted key by hand, with the manifest's permissions ticked.

    Stripe does not document this address (`docs/stripe-assumptions.md`); it is a fallback, and the key it makes has no
    tie to the app.
    """
    fields = [
        ("name", settings.SITE_NAME),
        *(("permissions[]", f"rak_{one.permission}") for one in required()),
    ]
    path = "/apikeys/create" if livemode else "/test/apikeys/create"
    return f"{settings.STRIPE_DASHBOARD_BASE}{path}?{urlencode(fields)}"


def edit_key_link(stripe_key_id: str, *, livemode: bool) -> str:
    """Stripe's page for editing a key's permissions, or the list of keys where the key's id is not known."""
    path = f"/apikeys/{stripe_key_id}/edit" if stripe_key_id else "/apikeys"
    return f"{settings.STRIPE_DASHBOARD_BASE}{'' if livemode else '/test'}{path}"
