"""What it takes to make an object, and that everything made or changed is counted."""

import pytest
import requests
import stripe
from stripe.params import (
    CustomerCreateParams,
    PaymentIntentCreateParams,
    ProductCreateParams,
    QuoteCreateParams,
    WebhookEndpointCreateParams,
)

from stripe_simulator.resources import RESOURCES
from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client

ALL = [f"{one.permission}_{access}" for one in RESOURCES for access in ("read", "write")]


@pytest.fixture
def key(simulator: SimulatorProcess) -> Json:
    """A key that may do everything."""
    return simulator.admin.create_key(simulator.admin.create_account(), permissions=ALL)


def refusal(client: stripe.StripeClient, method: str, path: str, **params: str) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        client.raw_request(method, path, **params)
    return caught.value


def writes(simulator: SimulatorProcess) -> tuple[int, int]:
    counts = simulator.admin.counts()
    return counts["objects"], counts["writes"]


def test_what_is_required_is_asked_for_one_after_the_other(client: Client, key: Json) -> None:
    caller = client(key["token"])

    refusals = [
        refusal(caller, "post", "/v1/payment_intents"),
        refusal(caller, "post", "/v1/payment_intents", amount="100"),
    ]

    assert [
        (error.http_status, error.error.code, error.error.param) for error in refusals if error.error
    ] == [
        (400, "parameter_missing", "amount"),
        (400, "parameter_missing", "currency"),
    ]


def test_what_is_required_is_what_the_sdk_requires() -> None:
    required = {one.path: set(one.required) for one in RESOURCES}

    assert {
        "/v1/customers": set(CustomerCreateParams.__required_keys__),
        "/v1/payment_intents": set(PaymentIntentCreateParams.__required_keys__),
        "/v1/products": set(ProductCreateParams.__required_keys__),
        "/v1/quotes": set(QuoteCreateParams.__required_keys__),
        "/v1/webhook_endpoints": set(WebhookEndpointCreateParams.__required_keys__),
    }.items() <= required.items()


def test_everything_that_requires_nothing_is_made_of_nothing(
    simulator: SimulatorProcess, client: Client, key: Json
) -> None:
    simulator.admin.switch(every_product=True)
    caller = client(key["token"])
    undemanding = [one.path for one in RESOURCES if "c" in one.can and not (one.required or "{" in one.path)]
    before = writes(simulator)

    answers = [caller.raw_request("post", path).code for path in undemanding]

    assert set(answers) == {200}
    assert writes(simulator) == (before[0] + len(undemanding), before[1] + len(undemanding))


def test_refused_requests_leave_no_trace(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    caller = client(key["token"])
    before = writes(simulator)

    for one in RESOURCES:
        path = one.path.replace("{parent}", "no_such_parent")
        for method, below in (("post", "/no_such"), ("delete", "/no_such")):
            assert refusal(caller, method, path + below).http_status == 404
        if one.required:
            assert refusal(caller, "post", path).http_status in (400, 404)

    assert writes(simulator) == before


def test_changing_doing_and_removing_are_counted(
    simulator: SimulatorProcess, client: Client, key: Json
) -> None:
    caller = client(key["token"])
    invoice = caller.raw_request("post", "/v1/invoices").data["id"]
    before = writes(simulator)

    caller.raw_request("post", f"/v1/invoices/{invoice}", description="Wine")
    paid = caller.raw_request("post", f"/v1/invoices/{invoice}/pay").data
    caller.raw_request("delete", f"/v1/invoices/{invoice}")

    assert (paid["status"], paid["description"]) == ("paid", "Wine")
    assert writes(simulator) == (before[0] - 1, before[1] + 3)


def test_what_belongs_to_an_object_is_listed_below_it_only(client: Client, key: Json) -> None:
    caller = client(key["token"])
    ada, ben = (caller.raw_request("post", "/v1/customers").data["id"] for _ in range(2))

    made = caller.raw_request("post", f"/v1/customers/{ada}/tax_ids", type="eu_vat", value="IE1").data

    listed = {
        owner: [one["id"] for one in caller.raw_request("get", f"/v1/customers/{owner}/tax_ids").data["data"]]
        for owner in (ada, ben)
    }
    assert listed == {ada: [made["id"]], ben: []}
    assert refusal(caller, "get", "/v1/customers/cus_0/tax_ids").http_status == 404


def test_issuing_is_for_accounts_that_have_it(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    caller = client(key["token"])

    without = refusal(caller, "get", "/v1/issuing/cards")
    simulator.admin.switch(every_product=True)

    assert without.http_status == 400
    assert caller.raw_request("get", "/v1/issuing/cards").data["data"] == []


def test_permission_comes_before_what_is_required(simulator: SimulatorProcess, client: Client) -> None:
    reader = simulator.admin.create_key(simulator.admin.create_account(), permissions=["payment_intent_read"])

    assert refusal(client(reader["token"]), "post", "/v1/payment_intents").http_status == 403


def test_reading_reports_includes_running_them(simulator: SimulatorProcess, client: Client) -> None:
    reader = simulator.admin.create_key(
        simulator.admin.create_account(), permissions=["report_runs_and_report_types_read"]
    )

    answer = client(reader["token"]).raw_request("post", "/v1/reporting/report_runs", report_type="payouts")

    assert answer.data["object"] == "reporting.report_run"


def test_older_words_are_used_where_stripe_uses_them(simulator: SimulatorProcess, client: Client) -> None:
    reader = simulator.admin.create_key(
        simulator.admin.create_account(), permissions=["moon_read"], wording="2021"
    )

    assert "'rak_topup_read'" in str(refusal(client(reader["token"]), "get", "/v1/topups"))


def test_link_in_older_words_ticks_the_permission(simulator: SimulatorProcess) -> None:
    session = requests.Session()
    account = simulator.admin.create_account()
    session.post(f"{simulator.base_url}/sign-in", data={"account": account}, timeout=10)

    page = session.get(
        f"{simulator.base_url}/test/apikeys/create",
        params={
            "permissions[]": ["rak_topup_write", "rak_financial_statement_read", "rak_account_link_write"]
        },
        timeout=10,
    ).text

    for name, level in (
        ("top_up", "write"),
        ("report_runs_and_report_types", "read"),
        ("account_link", "write"),
    ):
        assert f'name="level-{name}" value="{level}" checked' in page
    assert 'name="level-account_link" value="read"' not in page
    assert 'name="level-report_runs_and_report_types" value="write"' not in page
