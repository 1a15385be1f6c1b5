"""What the API answers when nothing is wrong."""

import json
from pathlib import Path

import pytest
import requests
import stripe

from tests.simulator import MANIFEST, SimulatorProcess
from tests.stripe_simulator.conftest import Client

PATHS = {
    "connected_account_read": "/v1/account",
    "balance_read": "/v1/balance",
    "balance_transaction_source_read": "/v1/balance_transactions",
    "charge_read": "/v1/charges",
    "customer_read": "/v1/customers",
    "dispute_read": "/v1/disputes",
    "invoice_read": "/v1/invoices",
    "payment_intent_read": "/v1/payment_intents",
    "payout_read": "/v1/payouts",
    "plan_read": "/v1/prices",
    "product_read": "/v1/products",
    "subscription_read": "/v1/subscriptions",
    "event_read": "/v1/events",
    "file_read": "/v1/files",
    "payment_method_read": "/v1/payment_methods",
    "setup_intent_read": "/v1/setup_intents",
    "shipping_rate_read": "/v1/shipping_rates",
    "checkout_session_read": "/v1/checkout/sessions",
    "coupon_read": "/v1/coupons",
    "promotion_code_read": "/v1/promotion_codes",
    "credit_note_read": "/v1/credit_notes",
    "quote_read": "/v1/quotes",
    "tax_rate_read": "/v1/tax_rates",
    "application_fee_read": "/v1/application_fees",
    "transfer_read": "/v1/transfers",
    "top_up_read": "/v1/topups",
    "webhook_read": "/v1/webhook_endpoints",
    "payment_links_read": "/v1/payment_links",
}


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    return simulator.admin.create_account("Ada's shop")


def test_every_permission_of_the_manifest_has_a_path() -> None:
    manifest = json.loads(Path(MANIFEST).read_text(encoding="utf-8"))

    assert {entry["permission"] for entry in manifest["permissions"]} <= set(PATHS)


@pytest.mark.parametrize("permission", PATHS)
def test_permission_opens_its_path_and_only_its_own(
    permission: str, simulator: SimulatorProcess, client: Client, account: str
) -> None:
    able = simulator.admin.create_key(account, permissions=[permission])
    unable = simulator.admin.create_key(account, permissions=[name for name in PATHS if name != permission])

    answer = client(able["token"]).raw_request("get", PATHS[permission], limit="1")
    with pytest.raises(stripe.PermissionError) as refusal:
        client(unable["token"]).raw_request("get", PATHS[permission], limit="1")

    assert answer.code == 200
    assert f"'{permission}'" in str(refusal.value)


@pytest.mark.parametrize("gate", ["connected_account_read", "accounts_kyc_basic_read"])
def test_account_gate_is_a_switch(
    gate: str, simulator: SimulatorProcess, client: Client, account: str
) -> None:
    simulator.admin.switch(account_gate=gate)
    other = ({"connected_account_read", "accounts_kyc_basic_read"} - {gate}).pop()
    able = simulator.admin.create_key(account, permissions=[gate])
    unable = simulator.admin.create_key(account, permissions=[other])

    assert client(able["token"]).v1.accounts.retrieve_current().id == account
    with pytest.raises(stripe.PermissionError, match=gate):
        client(unable["token"]).v1.accounts.retrieve_current()


def test_balance_does_not_say_whose_it_is(simulator: SimulatorProcess, client: Client, account: str) -> None:
    key = simulator.admin.create_key(account)

    answer = client(key["token"]).raw_request("get", "/v1/balance")

    assert account not in str(answer.data)


def test_list_is_cut_at_its_limit_and_goes_on(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    made = [simulator.admin.create_object(account, "/v1/customers", name=f"C{n}")["id"] for n in range(5)]
    key = simulator.admin.create_key(account)

    page = client(key["token"]).v1.customers.list({"limit": 2})
    everybody = [customer.id for customer in page.auto_paging_iter()]

    assert len(page.data) == 2
    assert page.has_more is True
    assert everybody == made[::-1]


def test_modes_do_not_mix(simulator: SimulatorProcess, client: Client, account: str) -> None:
    simulator.admin.create_object(account, "/v1/customers", livemode=True)
    test_key = simulator.admin.create_key(account)
    live_key = simulator.admin.create_key(account, livemode=True)

    assert len(client(test_key["token"]).v1.customers.list().data) == 0
    assert len(client(live_key["token"]).v1.customers.list().data) == 1


def test_accounts_do_not_mix(simulator: SimulatorProcess, client: Client, account: str) -> None:
    made = simulator.admin.create_object(account, "/v1/customers")
    other = simulator.admin.create_key(simulator.admin.create_account("Eve's shop"))

    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client(other["token"]).v1.customers.retrieve(made["id"])


def test_same_idempotency_key_has_one_effect(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    key = simulator.admin.create_key(account, permissions=["customer_write"])
    stripe_client = client(key["token"])

    first, second = (
        stripe_client.raw_request("post", "/v1/customers", name="Ada", idempotency_key="once")
        for _ in range(2)
    )

    assert first.data == second.data
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert len(stripe_client.v1.customers.list().data) == 1


def test_call_whose_answer_is_lost_has_happened(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    key = simulator.admin.create_key(account, permissions=["customer_write"])
    simulator.admin.add_fault("reset", method="POST", moment="after")
    stripe_client = client(key["token"])

    with pytest.raises(stripe.APIConnectionError):
        stripe_client.raw_request("post", "/v1/customers", name="Ada", idempotency_key="lost")
    again = stripe_client.raw_request("post", "/v1/customers", name="Ada", idempotency_key="lost")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(stripe_client.v1.customers.list().data) == 1


def test_answers_carry_the_headers_of_stripe(simulator: SimulatorProcess, account: str) -> None:
    key = simulator.admin.create_key(account)

    answer = requests.get(
        f"{simulator.base_url}/v1/charges",
        auth=(key["token"], ""),
        headers={"Stripe-Version": "2026-09-30.endive", "Idempotency-Key": "k"},
        timeout=10,
    )

    assert answer.status_code == 200
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == "2026-09-30.endive"
    assert answer.headers["Idempotency-Key"] == "k"


def test_request_log_names_the_key_by_its_id_only(
    simulator: SimulatorProcess, client: Client, account: str
) -> None:
    key = simulator.admin.create_key(account)

    client(key["token"]).v1.charges.list()

    seen = simulator.admin.requests(key=key["id"])
    assert [(note["method"], note["path"], note["status"]) for note in seen] == [("GET", "/v1/charges", 200)]
    assert key["token"] not in str(seen)
