"""Which permission opens which path: the resources the simulated API answers for."""

from dataclasses import dataclass

IMPLIED = {
    "balance_transaction_source_read": ("application_fee_read", "balance_read", "transfer_read"),
    "checkout_session_read": (
        "mandate_read",
        "payment_intent_read",
        "payment_links_read",
        "product_read",
        "setup_intent_read",
    ),
    "credit_note_read": ("invoice_read",),
    "invoice_read": ("credit_note_read",),
    "payment_intent_read": ("product_read",),
    "payment_links_read": ("product_read",),
    "payment_method_read": ("source_read",),
    "quote_read": ("product_read",),
    "transfer_read": ("payout_read",),
}
"""What a permission brings with it. Off unless the switch `implied_permissions` is on."""


@dataclass(frozen=True)
class Resource:
    """One kind of object: where it is listed, what opens it, and how Stripe names it to people."""

    permission: str
    """Name without `_read` or `_write`."""
    path: str
    object_name: str
    id_prefix: str
    label: str

    @property
    def read(self) -> str:
        return f"{self.permission}_read"

    @property
    def write(self) -> str:
        return f"{self.permission}_write"


RESOURCES: tuple[Resource, ...] = (
    Resource(
        "balance_transaction_source",
        "/v1/balance_transactions",
        "balance_transaction",
        "txn",
        "Balance transaction sources",
    ),
    Resource("charge", "/v1/charges", "charge", "ch", "Charges and Refunds"),
    Resource("customer", "/v1/customers", "customer", "cus", "Customers"),
    Resource("dispute", "/v1/disputes", "dispute", "dp", "Disputes"),
    Resource("event", "/v1/events", "event", "evt", "Events"),
    Resource("file", "/v1/files", "file", "file", "Files"),
    Resource("payment_intent", "/v1/payment_intents", "payment_intent", "pi", "PaymentIntents"),
    Resource("payment_method", "/v1/payment_methods", "payment_method", "pm", "PaymentMethods"),
    Resource("payout", "/v1/payouts", "payout", "po", "Payouts"),
    Resource("product", "/v1/products", "product", "prod", "Products"),
    Resource("plan", "/v1/prices", "price", "price", "Prices"),
    Resource("plan", "/v1/plans", "plan", "plan", "Plans"),
    Resource("setup_intent", "/v1/setup_intents", "setup_intent", "seti", "SetupIntents"),
    Resource("shipping_rate", "/v1/shipping_rates", "shipping_rate", "shr", "Shipping Rates"),
    Resource("checkout_session", "/v1/checkout/sessions", "checkout.session", "cs", "Checkout Sessions"),
    Resource("coupon", "/v1/coupons", "coupon", "co", "Coupons"),
    Resource("promotion_code", "/v1/promotion_codes", "promotion_code", "promo", "Promotion Codes"),
    Resource("credit_note", "/v1/credit_notes", "credit_note", "cn", "Credit notes"),
    Resource("invoice", "/v1/invoices", "invoice", "in", "Invoices"),
    Resource("quote", "/v1/quotes", "quote", "qt", "Quotes"),
    Resource("subscription", "/v1/subscriptions", "subscription", "sub", "Subscriptions"),
    Resource("tax_rate", "/v1/tax_rates", "tax_rate", "txr", "Tax Rates"),
    Resource("application_fee", "/v1/application_fees", "application_fee", "fee", "Application Fees"),
    Resource("transfer", "/v1/transfers", "transfer", "tr", "Transfers"),
    Resource("top_up", "/v1/topups", "topup", "tu", "Top-ups"),
    Resource(
        "webhook",
        "/v1/webhook_endpoints",
        "webhook_endpoint",
        "we",
        "Webhook Endpoints, Event Destinations",
    ),
    Resource("payment_links", "/v1/payment_links", "payment_link", "plink", "Payment Links"),
)

SINGLE_LABELS = {
    "connected_account": "Connected Accounts",
    "accounts_kyc_basic": "Basic account details",
    "balance": "Balance",
    "api_key": "API keys",
    "app_install": "App installs",
}

READ_ONLY = {"balance", "balance_transaction_source", "connected_account", "event", "accounts_kyc_basic"}


def label(permission: str) -> str:
    """Return the words Stripe uses for a permission, such as `Customers Read`."""
    name, _, action = permission.rpartition("_")
    for resource in RESOURCES:
        if resource.permission == name:
            return f"{resource.label} {action.capitalize()}"
    words = SINGLE_LABELS.get(name) or name.replace("_", " ").capitalize()
    return f"{words} {action.capitalize()}"


def names() -> list[str]:
    """Return every permission name without its suffix, in the order the Dashboard shows them."""
    listed = [resource.permission for resource in RESOURCES]
    return list(dict.fromkeys(["balance", "connected_account", "accounts_kyc_basic", *listed, "api_key"]))


def allows(held: list[str], wanted: str, *, implied: bool) -> bool:
    """Say whether a key holding these permissions may do what the wanted one opens."""
    name, _, action = wanted.rpartition("_")
    if wanted in held or (action == "read" and f"{name}_write" in held):
        return True
    return implied and any(wanted in IMPLIED.get(permission, ()) for permission in held)
