"""The lists of Stripe's paths and calls say what the installed SDK does."""

import sys
from functools import cache

import pytest
import stripe

from stripe_keys.catalogue import api_paths
from stripe_keys.catalogue.api_paths import template_of
from stripe_keys.required_permissions import calls
from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.sdk import lists
from stripe_keys.required_permissions.sdk.calls import Calls, all_calls, old_services

# Where tests are shared out: reading the SDK's source takes seconds, so one process does it.
of_the_sdk = pytest.mark.xdist_group("the SDK's source")
AFTER_AN_UPGRADE = "Stripe's SDK was upgraded: run `manage.py write_api_paths` and commit both lists."


@cache
def the_sdk() -> Calls:
    """What the installed SDK's source says, read once."""
    return all_calls()


@of_the_sdk
def test_every_path_of_the_sdk_is_listed() -> None:
    missing = {
        request
        for request in the_sdk().values()
        if request and (request.method, request.path) not in api_paths.known()
    }

    assert missing == set(), AFTER_AN_UPGRADE


@of_the_sdk
def test_the_list_of_calls_is_the_sdks() -> None:
    listed = {**calls.requests(), **dict.fromkeys(calls.without_request())}

    assert listed == the_sdk(), AFTER_AN_UPGRADE


@of_the_sdk
def test_paths_of_older_sdks_stay_listed() -> None:
    written = lists.api_paths(
        the_sdk(), before=[("GET", "/v1/gone/{id}"), ("GET", "/v1/customers/{renamed}")]
    )

    assert "\nGET /v1/gone/{id}\n" in written
    assert "{renamed}" not in written


def test_every_path_is_its_own_template() -> None:
    strangers = [line for line in api_paths.known() if template_of(*line) != line[1]]

    assert strangers == []


def test_services_without_v1_are_those_of_v1() -> None:
    """What lets code without `v1` be read by the same list."""
    old = old_services()

    assert len(old) > 60
    assert [
        name for name, below in old.items() if name != below or f"client.v1.{name}" not in calls.places()
    ] == []


@pytest.mark.parametrize(
    ("name", "request_made"),
    [
        ("client.v1.customers.retrieve", Request("GET", "/v1/customers/{customer}")),
        ("client.v1.accounts.retrieve_current", Request("GET", "/v1/account")),
        ("client.v1.quotes.pdf", Request("GET", "/v1/quotes/{quote}/pdf")),
        (
            "client.v1.test_helpers.test_clocks.advance",
            Request("POST", "/v1/test_helpers/test_clocks/{test_clock}/advance"),
        ),
        ("client.v2.core.events.list", Request("GET", "/v2/core/events")),
        ("stripe.Account.retrieve", Request("GET", "/v1/accounts/{account}")),
        ("stripe.Account.retrieve()", Request("GET", "/v1/account")),
        ("stripe.Account.modify()", Request("POST", "/v1/account")),
        ("stripe.Balance.retrieve", Request("GET", "/v1/balance")),
        ("stripe.Charge.auto_paging_iter", Request("GET", "/v1/charges")),
        ("stripe.Charge.search_auto_paging_iter", Request("GET", "/v1/charges/search")),
        (
            "stripe.Customer.TestHelpers.fund_cash_balance",
            Request("POST", "/v1/test_helpers/customers/{customer}/fund_cash_balance"),
        ),
        ("stripe.Customer.retrieve", Request("GET", "/v1/customers/{customer}")),
        (
            "stripe.Subscription.delete_discount",
            Request("DELETE", "/v1/subscriptions/{subscription_exposed_id}/discount"),
        ),
        (
            "stripe.checkout.Session.list_line_items",
            Request("GET", "/v1/checkout/sessions/{session}/line_items"),
        ),
        ("stripe.tax.Settings.retrieve", Request("GET", "/v1/tax/settings")),
    ],
)
def test_a_call_makes_its_request(name: str, request_made: Request) -> None:
    assert calls.requests()[name] == request_made


def test_every_method_of_every_service_is_listed() -> None:
    """Compared with the SDK itself, imported and walked: not with what we read in its source."""
    client = stripe.StripeClient("sk_of_nobody")
    walked = {
        name for version in ("v1", "v2") for name in methods_of(getattr(client, version), f"client.{version}")
    }

    assert len(walked) > 500
    assert sorted(walked - set(calls.requests())) == []


def methods_of(service: object, name: str) -> set[str]:
    """Every call below a service of the SDK, by the name that code gives it, without the `async` twins."""
    public = {
        member
        for member in vars(type(service))
        if not member.startswith("_") and not member.endswith("_async")
    }
    found = {f"{name}.{member}" for member in public}
    below = getattr(sys.modules[type(service).__module__], "_subservices", {})
    return found.union(*(methods_of(getattr(service, one), f"{name}.{one}") for one in below))
