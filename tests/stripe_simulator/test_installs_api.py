"""The developer's view of where the app is installed."""

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess, until
from tests.stripe_simulator.conftest import Client


@pytest.fixture
def account(simulator: SimulatorProcess) -> str:
    return simulator.admin.create_account("Ada's shop")


@pytest.fixture
def install(simulator: SimulatorProcess, account: str) -> Json:
    return simulator.admin.create_install(account)


@pytest.fixture
def developer(simulator: SimulatorProcess, client: Client) -> stripe.StripeClient:
    return client(simulator.platform_keys["test"])


def test_developer_finds_an_install_by_account(
    simulator: SimulatorProcess, developer: stripe.StripeClient, install: Json, account: str
) -> None:
    simulator.admin.create_install(simulator.admin.create_account("Another"))

    found = developer.raw_request("get", "/v1/apps/installs", account=account).data["data"]

    assert [entry["id"] for entry in found] == [install["id"]]
    assert found[0]["status"] == "installed"


def test_live_key_does_not_see_test_installs(
    simulator: SimulatorProcess, client: Client, install: Json
) -> None:
    found = client(simulator.platform_keys["live"]).raw_request("get", "/v1/apps/installs").data["data"]

    assert found == []


def test_older_version_is_refused(simulator: SimulatorProcess, client: Client) -> None:
    old = client(simulator.platform_keys["test"], version="2026-08-26.dahlia")

    with pytest.raises(stripe.InvalidRequestError, match="2026-09-30"):
        old.raw_request("get", "/v1/apps/installs")


def test_manifest_id_is_no_app_id(developer: stripe.StripeClient, install: Json) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such app"):
        developer.raw_request("get", "/v1/apps/installs", app="com.example.partner-site")


def test_uninstall_takes_its_time(
    simulator: SimulatorProcess, developer: stripe.StripeClient, install: Json, account: str
) -> None:
    key = simulator.admin.create_key(account)

    answer = developer.raw_request("post", f"/v1/apps/installs/{install['id']}/uninstall")
    until(lambda: not simulator.admin.installs())

    assert answer.data["status"] == "uninstalling"
    assert simulator.admin.key(key["id"])["status"] == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        developer.raw_request("get", f"/v1/apps/installs/{install['id']}")


def test_developer_reaches_the_account_until_uninstall(
    simulator: SimulatorProcess, developer: stripe.StripeClient, install: Json, account: str
) -> None:
    before = developer.raw_request("get", "/v1/charges", stripe_account=account)
    simulator.admin.uninstall(install["id"])

    assert before.code == 200
    with pytest.raises(stripe.PermissionError, match="Application access may have been revoked"):
        developer.raw_request("get", "/v1/charges", stripe_account=account)


def test_what_a_newer_version_asks_for_is_pending_until_it_is_approved(
    simulator: SimulatorProcess, developer: stripe.StripeClient, install: Json
) -> None:
    address = f"/v1/apps/installs/{install['id']}"

    simulator.admin.post(f"/installs/{install['id']}/ask", permissions=["refund_write"])
    waiting = developer.raw_request("get", address).data
    simulator.admin.post(f"/installs/{install['id']}/approve")
    approved = developer.raw_request("get", address).data

    assert (waiting["permissions_pending"], waiting["approval_required"]) == (["refund_write"], True)
    assert (approved["permissions_pending"], approved["approval_required"]) == ([], False)
    assert "refund_write" in approved["permissions_granted"]


def test_installs_of_two_apps_are_told_apart(
    simulator: SimulatorProcess, developer: stripe.StripeClient, install: Json, account: str
) -> None:
    second = simulator.admin.post("/installs", account=account, app="app_1SimulatedSecondApp")

    found = developer.raw_request("get", "/v1/apps/installs", app="app_1SimulatedSecondApp").data["data"]

    assert [(entry["id"], entry["app"]) for entry in found] == [(second["id"], "app_1SimulatedSecondApp")]
