"""The permissions that are not probed, each with the reason: no request proves them without doing harm or guessing."""

from dataclasses import dataclass

_NOT_PUBLISHED = "Stripe has not published which request needs it."
_NOT_STABLE = "Its paths are not part of Stripe's stable API."
_MONEY = "Stripe does not say whether it opens the first or the second version of the money-management API."
_LEGACY = "The resource is gone from present versions of the API, which answer any key the same."
_ACCOUNT_ID = (
    "Its request names a connected account, and one that does not exist is refused before permission."
)
_BUCKET = "It stands for a whole section; no request needs it and nothing less."


@dataclass(frozen=True)
class Unprobed:
    """A permission that no check asks about, and why."""

    permission: str
    reason: str


_REASONS = {
    "adjustment_read": _MONEY,
    "api_key_write": "Its only harmless requests belong to an API that Stripe opens for approved apps alone.",
    "app_install_write": "Its request installs an app; what it requires differs between versions of the API.",
    "billing_analytics_meter_usage_read": _NOT_STABLE,
    "billing_intent_read": _NOT_STABLE,
    "billing_profile_read": _NOT_STABLE,
    "billing_profile_write": _NOT_STABLE,
    "billing_settings_read": _NOT_PUBLISHED,
    "billing_settings_write": _NOT_PUBLISHED,
    "capital_for_platforms_financing_offer_read": _NOT_STABLE,
    "capital_for_platforms_financing_offer_write": _NOT_STABLE,
    "capital_for_platforms_financing_summary_read": _NOT_STABLE,
    "capital_for_platforms_financing_transaction_read": _NOT_STABLE,
    "confirmation_token_client_read": _NOT_PUBLISHED,
    "confirmation_token_client_write": "Its only request creates a test token, and requires no parameter.",
    "connected_account_write": _ACCOUNT_ID,
    "customer_session_read": "A customer session cannot be read back: there is no request for it.",
    "edit_link_write": _ACCOUNT_ID,
    "elements_write": "It belongs to the browser's side of Stripe; no request of a server needs it.",
    "fee_domain_resources_read": _NOT_PUBLISHED,
    "file_write": "Files are sent to a host of their own, where a refusal names another permission.",
    "financial_account_read": _MONEY,
    "inbound_transfer_read": _MONEY,
    "issuing_credit_ledger_read": _NOT_STABLE,
    "issuing_credit_ledger_write": _NOT_STABLE,
    "issuing_read": _BUCKET,
    "issuing_token_network_data_read": "It adds fields to a card's token that exists; no request needs it alone.",
    "issuing_verification_write": _NOT_PUBLISHED,
    "issuing_write": _BUCKET,
    "mandate_write": "Mandates are not written through the API: there is no request for it.",
    "order_read": _LEGACY,
    "order_write": _LEGACY,
    "outbound_payment_read": _MONEY,
    "outbound_transfer_read": _MONEY,
    "payout_intent_read": _MONEY,
    "product_catalog_import_read": _NOT_PUBLISHED,
    "product_catalog_import_write": _NOT_PUBLISHED,
    "provisioning_account_request_read": _NOT_STABLE,
    "provisioning_account_request_write": _NOT_STABLE,
    "provisioning_project_read": _NOT_STABLE,
    "provisioning_project_write": _NOT_STABLE,
    "provisioning_resource_read": _NOT_STABLE,
    "provisioning_resource_write": _NOT_STABLE,
    "rate_card_subscription_write": _NOT_STABLE,
    "rate_card_write": _NOT_STABLE,
    "received_credit_read": _MONEY,
    "received_debit_read": _MONEY,
    "recipient_verification_read": _MONEY,
    "report_runs_and_report_types_write": "The read permission already allows report runs to be created.",
    "sku_read": _LEGACY,
    "sku_write": _LEGACY,
    "stripecli_session_write": "It belongs to Stripe's command line; no request of a server needs it.",
    "terminal_connection_token_write": "Its only request creates a token, and requires no parameter.",
    "token_write": "Its only request creates a token, and Stripe's reference marks no parameter as required.",
    "transaction_read": _MONEY,
    "usage_record_read": _LEGACY,
    "usage_record_write": _LEGACY,
    "user_email_read": "It belongs to the Dashboard's side of an app; no request of a server needs it.",
}

WITHOUT_PROBE = tuple(Unprobed(permission, reason) for permission, reason in _REASONS.items())
