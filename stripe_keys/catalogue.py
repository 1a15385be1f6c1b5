"""The catalogue of permissions: what Stripe's screens call each one, and the harmless request that proves it.

A request is harmless if it changes nothing whether it is allowed or not: a list of one, or a write that names an object
that cannot exist. Stripe looks at permission first, so a 400 or 404 proves that it is there. Sources:
`docs/stripe-assumptions.md`.
"""

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True)
class Probe:
    """A harmless request that answers 403 without the permission and anything else with it.

    `may_need` are permissions whose absence Stripe is known to name for the same request: then nothing is known.
    """

    permission: str
    label: str
    path: str
    method: str = "get"
    may_need: tuple[str, ...] = ()

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
# Documents name one permission for GET /v1/account, reports from the field another: docs/stripe-assumptions.md.
_MAY_NEED = {"connected_account_read": ("accounts_kyc_basic_read", "accounts_kyc_id_numbers_read")}
PROBES = {
    f"{name}_read": Probe(
        f"{name}_read",
        label,
        path if path in _SINGLE_OBJECTS else f"{path}?{urlencode({'limit': 1})}",
        may_need=_MAY_NEED.get(f"{name}_read", ()),
    )
    for name, label, path in _READ_PROBES
}
WHOSE = PROBES["connected_account_read"]
