"""Which refusal wins when several are due."""

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client

NO_SUCH = "/v1/customers/cus_0"
OTHER = "acct_1SomebodyElse000"


@pytest.fixture
def key(simulator: SimulatorProcess) -> Json:
    """A key without the permission for customers."""
    account = simulator.admin.create_account()
    return simulator.admin.create_key(account, permissions=["charge_read"])


def refusal(client: stripe.StripeClient, path: str = NO_SUCH, **options: str) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        client.raw_request("get", path, **options)
    return caught.value


def test_expiry_comes_before_address(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], ip_allowlist=["203.0.113.7"])
    simulator.admin.expire_key(key["id"], lag=0)

    assert "Expired API Key" in str(refusal(client(key["token"])))


def test_address_comes_before_account(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], ip_allowlist=["203.0.113.7"])

    assert "IP address" in str(refusal(client(key["token"]), stripe_account=OTHER))


def test_account_comes_before_permission(client: Client, key: Json) -> None:
    assert "does not have access to account" in str(refusal(client(key["token"]), stripe_account=OTHER))


def test_permission_comes_before_existence(client: Client, key: Json) -> None:
    assert isinstance(refusal(client(key["token"])), stripe.PermissionError)


def test_permission_comes_before_validation(client: Client, key: Json) -> None:
    assert isinstance(refusal(client(key["token"]), "/v1/customers", limit="0"), stripe.PermissionError)


def test_existence_is_told_to_who_may_know(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], permissions=["customer_read"])

    assert refusal(client(key["token"])).http_status == 404


def test_write_includes_read(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], permissions=["customer_write"])

    assert client(key["token"]).v1.customers.list().data == []


def test_range_of_addresses_lets_its_members_in(
    simulator: SimulatorProcess, client: Client, key: Json
) -> None:
    simulator.admin.change_key(key["id"], permissions=["customer_read"], ip_allowlist=["127.0.0.0/8"])

    assert client(key["token"]).v1.customers.list().data == []


def test_own_account_may_be_named(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    answer = client(key["token"]).raw_request("get", "/v1/charges", stripe_account=key["account"])

    assert answer.code == 200
