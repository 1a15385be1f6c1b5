"""Every probe tells whether a permission is there, and none of them changes anything."""

from collections.abc import Iterable
from typing import Any

import pytest
from stripe.params import (
    AccountLinkCreateParams,
    AccountSessionCreateParams,
    ApplePayDomainCreateParams,
    CustomerSessionCreateParams,
)
from stripe.params.apps import SecretCreateParams
from stripe.params.billing import MeterEventCreateParams
from stripe.params.tax import CalculationCreateParams, LocationCreateParams

from stripe_keys import catalogue, gateway
from stripe_keys.catalogue import PROBES, WITHOUT_PROBE, Probe
from stripe_keys.catalogue.table import IMPOSSIBLE
from stripe_keys.gateway.answers import Answer, Finding
from stripe_keys.secret import Secret
from tests.stripe_keys.keys import AtStripe, StripeKey

READ_AND_WRITE = """
    apple_pay_domain application_fee billing_clock billing_meter billing_meter_event billing_profile billing_settings
    capital_for_platforms_financing_offer charge checkout_session confirmation_token_client coupon credit_note customer
    customer_portal customer_session dispute file invoice issuing issuing_authorization issuing_card issuing_cardholder
    issuing_credit_ledger issuing_dispute issuing_transaction issuing_token mandate order payment_intent payment_links
    payment_method payment_method_configurations payment_method_domain payment_records payout plan product
    product_catalog_import promotion_code provisioning_account_request provisioning_project provisioning_resource quote
    report_runs_and_report_types review secret setup_intent shipping_rate sku source subscription
    tax_calculations_and_transactions tax_locations tax_rate tax_settings terminal_configuration terminal_location
    terminal_reader token top_up transfer usage_record webhook
"""
ONE_ACCESS = """
    account_link_write adjustment_read api_key_write balance_read balance_transaction_source_read
    billing_analytics_meter_usage_read billing_intent_read capital_for_platforms_financing_summary_read
    capital_for_platforms_financing_transaction_read confirmation_token_read connected_account_read edit_link_write
    entitlement_read event_read fee_domain_resources_read financial_account_read inbound_transfer_read
    issuing_token_network_data_read issuing_verification_write outbound_payment_read outbound_transfer_read
    payout_intent_read rate_card_write rate_card_subscription_write received_credit_read received_debit_read
    recipient_verification_read terminal_connection_token_write transaction_read treasury_transaction_read
"""
NAMED_ELSEWHERE = """
    account_session_write app_install_write connected_account_write elements_write stripecli_session_write
    user_email_read
"""
KNOWN_NAMES = {
    *(f"{name}_{access}" for name in READ_AND_WRITE.split() for access in ("read", "write")),
    *ONE_ACCESS.split(),
    *NAMED_ELSEWHERE.split(),
}
REVIEWED: dict[str, Any] = {
    "account_link_write": AccountLinkCreateParams,
    "account_session_write": AccountSessionCreateParams,
    "apple_pay_domain_write": ApplePayDomainCreateParams,
    "billing_meter_event_write": MeterEventCreateParams,
    "customer_session_write": CustomerSessionCreateParams,
    "secret_write": SecretCreateParams,
    "tax_calculations_and_transactions_write": CalculationCreateParams,
    "tax_locations_write": LocationCreateParams,
}
"""The writes that name no object, with what Stripe's SDK says of their parameters."""

WRITES = [name for name, probe in PROBES.items() if probe.access == "write"]
NOTHING = "moon_read"


def asked(key: StripeKey, probes: Iterable[Probe]) -> dict[str, Finding]:
    """What Stripe answers to all of the probes, by permission."""
    return {probe.permission: finding for probe, finding in gateway.ask(Secret(key.token), probes)}


def answers(key: StripeKey, probes: Iterable[Probe] = tuple(PROBES.values())) -> dict[str, Answer]:
    return {name: finding.answer for name, finding in asked(key, probes).items()}


def traces(at_stripe: AtStripe) -> dict[str, object]:
    """How many objects of each kind Stripe holds, and how often one was made, changed or removed."""
    counts = at_stripe.admin.counts()
    return {name: counts[name] for name in ("accounts", "installs", "keys", "events", "objects", "writes")}


@pytest.fixture(params=[False, True], ids=["test", "live"])
def livemode(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("every_product", [False, True], ids=["plain-account", "issuing-account"])
def test_key_with_everything_is_told_from_one_with_nothing_and_no_trace_is_left(
    at_stripe: AtStripe, livemode: bool, every_product: bool
) -> None:
    at_stripe.admin.switch(every_product=every_product)
    everything = at_stripe.key(permissions=list(PROBES), livemode=livemode)
    nothing = at_stripe.key(permissions=[NOTHING], livemode=livemode)
    before = traces(at_stripe)

    granted, missing = answers(everything), asked(nothing, PROBES.values())

    at_stripe.admin.switch(every_product=False)
    assert granted == dict.fromkeys(PROBES, Answer.GRANTED)
    assert {name: one.answer for name, one in missing.items()} == dict.fromkeys(
        PROBES, Answer.MISSING_PERMISSION
    )
    assert {one.stripe_key_id for one in missing.values()} == {nothing.id}
    assert traces(at_stripe) == before


def test_existing_objects_stay_as_they_are(at_stripe: AtStripe) -> None:
    key = at_stripe.key(permissions=list(PROBES))
    made = at_stripe.admin.create_object(key.account, "/v1/customers", name="Ada")
    before = traces(at_stripe)

    answers(key)

    assert traces(at_stripe) == before
    [customer] = gateway.client_for(Secret(key.token)).v1.customers.list().data
    assert (customer.id, customer.name) == (made["id"], "Ada")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers",
        "/v1/setup_intents",
        "/v1/coupons",
        "/v1/quotes",
        "/v1/payment_method_configurations",
        "/v1/terminal/configurations",
        "/v1/terminal/connection_tokens",
        "/v1/tokens",
    ],
)
def test_careless_probe_would_be_seen(at_stripe: AtStripe, path: str) -> None:
    key = at_stripe.key(permissions=[*PROBES, "terminal_connection_token_write", "token_write"])
    before = traces(at_stripe)

    answer = answers(key, [Probe("careless_write", "Careless", path, method="post")])

    assert answer == {"careless_write": Answer.GRANTED}
    assert traces(at_stripe) != before


def test_each_write_permission_opens_its_own_probe_and_its_read(at_stripe: AtStripe) -> None:
    writes = [PROBES[name] for name in WRITES]
    reads = [
        PROBES[name.replace("_write", "_read")]
        for name in WRITES
        if name.replace("_write", "_read") in PROBES
    ]
    key = at_stripe.key(permissions=WRITES)

    assert set(answers(key, [*writes, *reads]).values()) == {Answer.GRANTED}


def test_read_permissions_open_no_write(at_stripe: AtStripe) -> None:
    key = at_stripe.key(permissions=[name for name in PROBES if name not in WRITES])

    found = answers(key)

    assert {name for name, answer in found.items() if answer is not Answer.GRANTED} == set(WRITES)
    assert {found[name] for name in WRITES} == {Answer.MISSING_PERMISSION}


def test_each_permission_alone_is_found_and_no_other(at_stripe: AtStripe) -> None:
    key = at_stripe.key(permissions=[NOTHING])
    found = {}
    for name in (
        "invoice_read",
        "plan_write",
        "issuing_card_read",
        "tax_settings_write",
        "account_link_write",
    ):
        at_stripe.admin.change_key(key.id, permissions=[name])
        found[name] = {one for one, answer in answers(key).items() if answer is Answer.GRANTED}

    assert found == {
        "invoice_read": {"invoice_read"},
        "plan_write": {"plan_write", "plan_read"},
        "issuing_card_read": {"issuing_card_read"},
        "tax_settings_write": {"tax_settings_write", "tax_settings_read"},
        "account_link_write": {"account_link_write"},
    }


@pytest.mark.parametrize("wording", ["2021", "vague"])
def test_other_wordings_are_understood_where_they_say_enough(at_stripe: AtStripe, wording: str) -> None:
    at_stripe.admin.switch(error_wording=wording)
    nothing = at_stripe.key(permissions=[NOTHING])

    found = answers(nothing)

    unclear = {name for name, answer in found.items() if answer is Answer.UNCLEAR}
    assert set(found.values()) == {Answer.MISSING_PERMISSION, Answer.UNCLEAR}
    # The older wording names no permission for whose account it is, and the vague one none at all.
    several = {name for name, probe in PROBES.items() if probe.may_need}
    assert unclear == ({"connected_account_read"} if wording == "2021" else several)


def test_refusal_that_names_another_permission_proves_nothing(at_stripe: AtStripe) -> None:
    at_stripe.admin.switch(wrong_names=True)
    key = at_stripe.key(permissions=["credit_note_read"])

    found = answers(key, [PROBES["invoice_read"], PROBES["credit_note_read"]])

    at_stripe.admin.switch(wrong_names=False)
    assert found == {"invoice_read": Answer.UNCLEAR, "credit_note_read": Answer.GRANTED}


def test_every_name_that_stripe_takes_is_probed_or_says_why_not() -> None:
    unprobed = [one.permission for one in WITHOUT_PROBE]

    assert {*PROBES, *unprobed} == KNOWN_NAMES
    assert len(unprobed) == len(set(unprobed))
    assert not set(unprobed) & set(PROBES)
    assert all(one.reason.endswith(".") for one in WITHOUT_PROBE)


def test_every_write_names_what_cannot_exist_or_is_reviewed() -> None:
    without_object = {name for name in WRITES if IMPOSSIBLE not in PROBES[name].path}

    assert without_object == set(REVIEWED)
    assert not [
        name for name in WRITES if bool(PROBES[name].refused_without) == (IMPOSSIBLE in PROBES[name].path)
    ]
    assert {name: set(PROBES[name].refused_without) for name in REVIEWED} == {
        name: set(params.__required_keys__) for name, params in REVIEWED.items()
    }


def test_every_read_asks_for_one_object_at_most() -> None:
    single = {"/v1/account", "/v1/balance", "/v1/tax/settings"}
    reads = [probe for probe in PROBES.values() if probe.access == "read"]

    assert {probe.method for probe in reads} == {"get"}
    assert not [
        probe.path
        for probe in reads
        if not (probe.path.endswith("?limit=1") or IMPOSSIBLE in probe.path or probe.path in single)
    ]


def test_every_probe_has_its_words_and_no_two_resources_share_them() -> None:
    words = {(probe.section, probe.label, probe.access) for probe in PROBES.values()}

    assert all(probe.section and probe.label for probe in PROBES.values())
    assert len(words) == len(PROBES)
    assert {probe.permission: name for name, probe in PROBES.items()} == {name: name for name in PROBES}
    assert catalogue.WHOSE is PROBES["connected_account_read"]
