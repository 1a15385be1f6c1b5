"""Rotation, expiry and their lags, as a caller feels them."""

import re
import time

import pytest
import stripe

from tests.simulator import Json, SimulatorProcess, secret_like, until
from tests.stripe_simulator.conftest import Client


@pytest.fixture
def key(simulator: SimulatorProcess) -> Json:
    return simulator.admin.create_key(simulator.admin.create_account())


def is_dead(client: stripe.StripeClient) -> bool:
    try:
        client.v1.charges.list()
    except stripe.AuthenticationError as error:
        return isinstance(error.json_body, dict) and error.json_body["error"]["code"] == "api_key_expired"
    return False


def test_key_and_its_id_have_the_shapes_of_stripe(key: Json) -> None:
    account_tail = key["account"].removeprefix("acct_")

    assert re.fullmatch(r"rk_test_5[A-Za-z0-9]{98}", key["token"])
    assert key["token"].startswith(f"rk_test_5{account_tail}")
    assert re.fullmatch(r"mk_[A-Za-z0-9]{24}", key["id"])
    assert key["id"][9:19] == key["account"][-10:]


def test_a_key_may_be_given_its_text(simulator: SimulatorProcess, client: Client) -> None:
    token = secret_like("rk_test_", 99)

    made = simulator.admin.create_key(simulator.admin.create_account(), token=token)

    assert made["token"] == token
    assert not is_dead(client(token))


def test_rotation_at_once_kills_the_old_key(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    successor = simulator.admin.rotate_key(key["id"])

    assert is_dead(client(key["token"]))
    assert not is_dead(client(successor["token"]))
    assert successor["id"] != key["id"]
    assert successor["permissions"] == key["permissions"]


def test_rotation_with_overlap_lets_both_keys_work(
    simulator: SimulatorProcess, client: Client, key: Json
) -> None:
    successor = simulator.admin.rotate_key(key["id"], overlap=3600)

    assert not is_dead(client(key["token"]))
    assert not is_dead(client(successor["token"]))
    assert simulator.admin.key(key["id"])["expires_at"] > time.time() + 3500


def test_overlap_ends_by_the_clock(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.rotate_key(key["id"], overlap=0.4)

    until(lambda: is_dead(client(key["token"])))

    until(lambda: simulator.admin.key(key["id"])["status"] == "expired")


def test_overlap_can_be_ended_early(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.rotate_key(key["id"], overlap=3600)

    simulator.admin.end_overlap(key["id"])

    assert is_dead(client(key["token"]))


def test_overlap_is_at_most_seven_days(simulator: SimulatorProcess, key: Json) -> None:
    simulator.admin.rotate_key(key["id"], overlap=30 * 86400)

    assert simulator.admin.key(key["id"])["expires_at"] < time.time() + 7 * 86400 + 5


def test_expired_key_works_on_for_the_lag(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.expire_key(key["id"], lag=3600)

    assert simulator.admin.key(key["id"])["status"] == "expired"
    assert not is_dead(client(key["token"]))
    simulator.admin.advance(3600)
    assert is_dead(client(key["token"]))


def test_key_with_an_expiry_date_stops_on_it(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], expires_at=time.time() - 1)

    assert is_dead(client(key["token"]))


def test_use_is_noted(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    client(key["token"]).v1.charges.list()

    assert simulator.admin.key(key["id"])["last_used"] == pytest.approx(time.time(), abs=10)


def test_permissions_change_at_once(simulator: SimulatorProcess, client: Client, key: Json) -> None:
    simulator.admin.change_key(key["id"], permissions=["charge_read"])

    assert client(key["token"]).v1.charges.list().data == []
    with pytest.raises(stripe.PermissionError):
        client(key["token"]).v1.customers.list()
