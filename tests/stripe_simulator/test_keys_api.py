"""The approved app's view of an account's keys."""

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess
from tests.stripe_simulator.conftest import Client

VERSION = "2026-04-22.preview"


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    return simulator.admin.create_account("Ada's shop")


@pytest.fixture
def key(simulator: SimulatorProcess, account: str) -> Json:
    simulator.admin.switch(api_key_write_approved=True)
    simulator.admin.create_install(account)
    return simulator.admin.create_key(account)


def test_app_sees_a_key(simulator: SimulatorProcess, client: Client, account: str, key: Json) -> None:
    app = client(simulator.platform_keys["test"], version=VERSION, context=account)

    found = app.raw_request("get", f"/v2/iam/api_keys/{key['id']}").data
    listed = app.raw_request("get", "/v2/iam/api_keys", limit="10").data["data"]

    assert found["status"] == "active"
    assert found["permissions"] == key["permissions"]
    assert [entry["secret_key"]["token"] for entry in listed] == [key["token"]]


def test_live_key_is_never_shown_whole(
    simulator: SimulatorProcess, client: Client, account: str, key: Json
) -> None:
    simulator.admin.create_install(account, livemode=True)
    live = simulator.admin.create_key(account, livemode=True)
    app = client(simulator.platform_keys["live"], version=VERSION, context=account)

    found = app.raw_request("get", f"/v2/iam/api_keys/{live['id']}").data

    assert live["token"] not in str(found)


Gate = tuple[str, bool, bool, type[stripe.StripeError]]
GATES: dict[str, Gate] = {
    "released version": ("2026-10-28.endive", True, True, stripe.InvalidRequestError),
    "app not approved": (VERSION, False, True, stripe.PermissionError),
    "no context": (VERSION, True, False, stripe.InvalidRequestError),
}


@pytest.mark.parametrize("gate", GATES)
def test_each_gate_refuses(gate: str, simulator: SimulatorProcess, client: Client, key: Json) -> None:
    version, approved, with_context, error = GATES[gate]
    simulator.admin.switch(api_key_write_approved=approved)
    context = {"context": key["account"]} if with_context else {}
    app = client(simulator.platform_keys["test"], version=version, **context)

    with pytest.raises(error):
        app.raw_request("get", f"/v2/iam/api_keys/{key['id']}")


def test_expired_key_is_gone_or_shown_by_switch(
    simulator: SimulatorProcess, client: Client, account: str, key: Json
) -> None:
    simulator.admin.expire_key(key["id"])
    app = client(simulator.platform_keys["test"], version=VERSION, context=account)

    with pytest.raises(stripe.InvalidRequestError):
        app.raw_request("get", f"/v2/iam/api_keys/{key['id']}")
    simulator.admin.switch(retrieve_expired_is_404=False)

    assert app.raw_request("get", f"/v2/iam/api_keys/{key['id']}").data["status"] == "expired"
