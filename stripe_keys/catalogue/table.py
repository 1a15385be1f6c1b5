"""The rows of the catalogue: every resource that a permission opens, in the order and words of Stripe's screens.

Names are those that Stripe's key endpoint accepts, without `_read` and `_write`. Labels follow the Dashboard's page for
restricted keys. Which request needs which permission: https://docs.stripe.com/keys/permissions-reference and
https://docs.stripe.com/stripe-apps/reference/permissions; what is inferred is said in `docs/stripe-assumptions.md`.
"""

from dataclasses import dataclass

IMPOSSIBLE = "no_such_object_permission_probe"
"""What stands for an object in a probe. Ids that Stripe makes have no underscore after their prefix."""


@dataclass(frozen=True)
class Resource:
    """What one row of Stripe's screen covers, with the request that proves each of its permissions, if there is one."""

    name: str
    section: str
    label: str
    read: str = ""
    """A path to GET: a list, or an object that cannot exist."""
    write: str = ""
    """A path to POST without a body: below an object that cannot exist, unless `refused_without` says otherwise."""
    refused_without: tuple[str, ...] = ()
    """The parameters that Stripe requires of `write`, where it names no object: an empty body lacks them all."""
    read_may_need: tuple[str, ...] = ()
    link_name: str = ""
    """What the Dashboard's links call it, where they use another word than the key endpoint."""


def _listed(section: str, name: str, label: str, path: str, prefix: str, *, link_name: str = "") -> Resource:
    """A resource that is listed at `path`, and whose objects are changed by POST below it."""
    return Resource(
        name, section, label, f"{path}?limit=1", f"{path}/{prefix}_{IMPOSSIBLE}", link_name=link_name
    )


def _fetched(section: str, name: str, label: str, path: str, prefix: str, *, link_name: str = "") -> Resource:
    """A resource whose list is not open to every account, or does not exist: one object is asked for instead."""
    one = f"{path}/{prefix}_{IMPOSSIBLE}"
    return Resource(name, section, label, one, one, link_name=link_name)


_CORE = (
    Resource(
        "apple_pay_domain",
        "Core",
        "Apple Pay domains",
        "/v1/apple_pay/domains?limit=1",
        "/v1/apple_pay/domains",
        refused_without=("domain_name",),
    ),
    Resource("balance", "Core", "Balance", "/v1/balance"),
    Resource(
        "balance_transaction_source", "Core", "Balance transactions", "/v1/balance_transactions?limit=1"
    ),
    _listed("Core", "charge", "Charges and refunds", "/v1/charges", "ch"),
    Resource(
        "confirmation_token", "Core", "Confirmation tokens", f"/v1/confirmation_tokens/ctoken_{IMPOSSIBLE}"
    ),
    _listed("Core", "customer", "Customers", "/v1/customers", "cus"),
    Resource(
        "customer_session",
        "Core",
        "Customer sessions",
        write="/v1/customer_sessions",
        refused_without=("components",),
    ),
    _listed("Core", "dispute", "Disputes", "/v1/disputes", "dp"),
    Resource("event", "Core", "Events", "/v1/events?limit=1"),
    Resource("file", "Core", "Files", "/v1/files?limit=1"),
    Resource("mandate", "Core", "Mandates", f"/v1/mandates/mandate_{IMPOSSIBLE}"),
    _listed("Core", "payment_intent", "PaymentIntents", "/v1/payment_intents", "pi"),
    _listed("Core", "payment_method", "PaymentMethods", "/v1/payment_methods", "pm"),
    _listed(
        "Core",
        "payment_method_configurations",
        "Payment method configurations",
        "/v1/payment_method_configurations",
        "pmc",
    ),
    _listed("Core", "payment_method_domain", "Payment method domains", "/v1/payment_method_domains", "pmd"),
    Resource(
        "payment_records",
        "Core",
        "Payment records",
        f"/v1/payment_records/pr_{IMPOSSIBLE}",
        f"/v1/payment_records/pr_{IMPOSSIBLE}/report_payment_attempt_canceled",
    ),
    _listed("Core", "payout", "Payouts", "/v1/payouts", "po"),
    _listed("Core", "product", "Products", "/v1/products", "prod"),
    Resource("review", "Core", "Reviews", "/v1/reviews?limit=1", f"/v1/reviews/prv_{IMPOSSIBLE}/approve"),
    _listed("Core", "setup_intent", "SetupIntents", "/v1/setup_intents", "seti"),
    _fetched("Core", "source", "Sources", "/v1/sources", "src"),
    Resource("token", "Core", "Tokens", f"/v1/tokens/tok_{IMPOSSIBLE}"),
)

_CHECKOUT = (
    _listed("Checkout", "checkout_session", "Checkout Sessions", "/v1/checkout/sessions", "cs"),
    _listed("Checkout", "payment_links", "Payment Links", "/v1/payment_links", "plink"),
    _listed("Checkout", "shipping_rate", "Shipping rates", "/v1/shipping_rates", "shr"),
)

_BILLING = (
    _listed("Billing", "coupon", "Coupons", "/v1/coupons", "co"),
    _listed("Billing", "credit_note", "Credit notes", "/v1/credit_notes", "cn"),
    _listed("Billing", "customer_portal", "Customer portal", "/v1/billing_portal/configurations", "bpc"),
    Resource("entitlement", "Billing", "Entitlements", "/v1/entitlements/features?limit=1"),
    Resource(
        "invoice",
        "Billing",
        "Invoices",
        "/v1/invoices?limit=1",
        f"/v1/invoices/in_{IMPOSSIBLE}",
        read_may_need=("credit_note_read",),
    ),
    _listed("Billing", "billing_meter", "Meters", "/v1/billing/meters", "mtr"),
    Resource(
        "billing_meter_event",
        "Billing",
        "Meter events",
        f"/v1/billing/meters/mtr_{IMPOSSIBLE}/event_summaries",
        "/v1/billing/meter_events",
        refused_without=("event_name", "payload"),
    ),
    _listed("Billing", "plan", "Prices", "/v1/prices", "price"),
    _listed("Billing", "promotion_code", "Promotion codes", "/v1/promotion_codes", "promo"),
    _listed("Billing", "quote", "Quotes", "/v1/quotes", "qt"),
    _listed("Billing", "subscription", "Subscriptions", "/v1/subscriptions", "sub"),
    Resource(
        "billing_clock",
        "Billing",
        "Test clocks",
        "/v1/test_helpers/test_clocks?limit=1",
        f"/v1/test_helpers/test_clocks/clock_{IMPOSSIBLE}/advance",
    ),
)

_TAX = (
    Resource(
        "tax_calculations_and_transactions",
        "Tax",
        "Tax calculations and transactions",
        f"/v1/tax/calculations/taxcalc_{IMPOSSIBLE}/line_items",
        "/v1/tax/calculations",
        refused_without=("currency", "line_items"),
        link_name="tax_transaction",
    ),
    Resource(
        "tax_locations",
        "Tax",
        "Tax locations",
        f"/v1/tax/locations/loc_{IMPOSSIBLE}",
        "/v1/tax/locations",
        refused_without=("address", "type"),
    ),
    _listed("Tax", "tax_rate", "Tax rates", "/v1/tax_rates", "txr"),
    Resource(
        "tax_settings",
        "Tax",
        "Tax settings and registrations",
        "/v1/tax/settings",
        f"/v1/tax/registrations/taxreg_{IMPOSSIBLE}",
    ),
)

_CONNECT = (
    Resource(
        "account_link",
        "Connect",
        "Account links",
        write="/v1/account_links",
        refused_without=("account", "type"),
    ),
    Resource(
        "account_session",
        "Connect",
        "Account sessions",
        write="/v1/account_sessions",
        refused_without=("account", "components"),
    ),
    Resource(
        "connected_account",
        "Connect",
        "Accounts",
        "/v1/account",
        read_may_need=("accounts_kyc_basic_read", "accounts_kyc_id_numbers_read"),
    ),
    Resource(
        "application_fee",
        "Connect",
        "Application fees",
        "/v1/application_fees?limit=1",
        f"/v1/application_fees/fee_{IMPOSSIBLE}/refunds/fr_{IMPOSSIBLE}",
    ),
    _listed("Connect", "top_up", "Top-ups", "/v1/topups", "tu", link_name="topup"),
    _listed("Connect", "transfer", "Transfers", "/v1/transfers", "tr"),
)

_ISSUING_AND_TREASURY = (
    _fetched(
        "Issuing", "issuing_authorization", "Issuing authorizations", "/v1/issuing/authorizations", "iauth"
    ),
    _fetched("Issuing", "issuing_cardholder", "Issuing cardholders", "/v1/issuing/cardholders", "ich"),
    _fetched("Issuing", "issuing_card", "Issuing cards", "/v1/issuing/cards", "ic"),
    _fetched("Issuing", "issuing_dispute", "Issuing disputes", "/v1/issuing/disputes", "idp"),
    _fetched(
        "Issuing",
        "issuing_token",
        "Issuing tokens",
        "/v1/issuing/tokens",
        "intok",
        link_name="issuing_network_token",
    ),
    _fetched("Issuing", "issuing_transaction", "Issuing transactions", "/v1/issuing/transactions", "ipi"),
    Resource(
        "treasury_transaction",
        "Treasury",
        "Treasury transactions",
        f"/v1/treasury/transactions/trxn_{IMPOSSIBLE}",
    ),
)

_TERMINAL_AND_REPORTING = (
    _listed(
        "Terminal", "terminal_configuration", "Terminal configurations", "/v1/terminal/configurations", "tmc"
    ),
    _listed("Terminal", "terminal_location", "Terminal locations", "/v1/terminal/locations", "tml"),
    _listed("Terminal", "terminal_reader", "Terminal readers", "/v1/terminal/readers", "tmr"),
    Resource(
        "report_runs_and_report_types",
        "Reporting",
        "Report runs and report types",
        "/v1/reporting/report_runs?limit=1",
        link_name="financial_statement",
    ),
)

_DEVELOPERS = (
    Resource(
        "secret",
        "Developers",
        "Secrets",
        "/v1/apps/secrets?limit=1",
        "/v1/apps/secrets",
        refused_without=("name", "payload", "scope"),
    ),
    _listed("Developers", "webhook", "Webhook endpoints", "/v1/webhook_endpoints", "we"),
)

RESOURCES = (
    *_CORE,
    *_CHECKOUT,
    *_BILLING,
    *_TAX,
    *_CONNECT,
    *_ISSUING_AND_TREASURY,
    *_TERMINAL_AND_REPORTING,
    *_DEVELOPERS,
)
