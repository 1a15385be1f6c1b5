"""Which permission opens what, and how Stripe's pages name it."""

from stripe_simulator.resources import RESOURCES

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
    "customer_read": ("billing_clock_read",),
    "invoice_read": ("credit_note_read",),
    "payment_intent_read": ("product_read",),
    "payment_links_read": ("mandate_read", "product_read"),
    "payment_method_read": ("source_read",),
    "quote_read": ("product_read",),
    "setup_intent_read": ("mandate_read",),
    "transfer_read": ("payout_read",),
}
"""What a permission brings with it. Off unless the switch `implied_permissions` is on."""

SINGLE_LABELS = {
    "connected_account": "Connected Accounts",
    "accounts_kyc_basic": "Basic account details",
    "balance": "Balance",
    "api_key": "API keys",
    "app_install": "App installs",
}
ELDER_NAMES = {
    "issuing_token": "issuing_network_token",
    "report_runs_and_report_types": "financial_statement",
    "tax_calculations_and_transactions": "tax_transaction",
    "top_up": "topup",
}
"""What the Dashboard's links and the refusals of 2021 call some permissions, after `rak_`."""
_TODAYS_NAMES = {elder: today for today, elder in ELDER_NAMES.items()}

NAMED_INSTEAD = {"invoice_read": "credit_note_read", "file_write": "dispute_write"}
"""What Stripe names instead of these when it refuses, while the switch `wrong_names` is on."""

_SINGLE = ("balance", "connected_account", "accounts_kyc_basic")

READ_ONLY = set(_SINGLE) | (
    {one.permission for one in RESOURCES if one.is_read}
    - {one.permission for one in RESOURCES if one.is_written}
)
WRITE_ONLY = {one.permission for one in RESOURCES if one.is_written} - {
    one.permission for one in RESOURCES if one.is_read
}


def label(permission: str) -> str:
    """Return the words Stripe uses for a permission, such as `Customers Read`."""
    name, _, action = permission.rpartition("_")
    for resource in RESOURCES:
        if resource.permission == name:
            return f"{resource.label} {action.capitalize()}"
    words = SINGLE_LABELS.get(name) or name.replace("_", " ").capitalize()
    return f"{words} {action.capitalize()}"


def elder_name(permission: str) -> str:
    """Return `rak_topup_read` for `top_up_read`."""
    name, _, action = permission.rpartition("_")
    return f"rak_{ELDER_NAMES.get(name, name)}_{action}"


def name_in_link(text: str) -> str:
    """Return `top_up_read` for `rak_topup_read` and for `top_up_read`."""
    name, _, action = text.removeprefix("rak_").rpartition("_")
    return f"{_TODAYS_NAMES.get(name, name)}_{action}"


def names() -> list[str]:
    """Return every permission name without its suffix, in the order the Dashboard shows them."""
    listed = [resource.permission for resource in RESOURCES]
    return list(dict.fromkeys([*_SINGLE, *listed, "api_key"]))


def allows(held: list[str], wanted: str, *, implied: bool) -> bool:
    """Say whether a key holding these permissions may do what the wanted one opens."""
    name, _, action = wanted.rpartition("_")
    if wanted in held or (action == "read" and f"{name}_write" in held):
        return True
    return implied and any(wanted in IMPLIED.get(permission, ()) for permission in held)
