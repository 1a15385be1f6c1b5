"""Trouble on demand: whom it meets, how long it lasts, and that no key is told of it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from tests.simulator import Json, SimulatorProcess, until
from tests.stripe_simulator.conftest import Client


@pytest.fixture
def key(simulator: SimulatorProcess) -> Json:
    """A key of a new account."""
    return simulator.admin.create_key(simulator.admin.create_account())


def ask(simulator: SimulatorProcess, key: Json, path: str = "/v1/charges", **how: float) -> requests.Response:
    """Ask as that key, with a patience of ten seconds unless another is given."""
    return requests.get(simulator.base_url + path, auth=(key["token"], ""), timeout=how.get("timeout", 10))


def test_no_key_is_ever_logged(simulator: SimulatorProcess, client: Client) -> None:
    account = simulator.admin.create_account()
    key = simulator.admin.create_key(account, permissions=["charge_read"])
    secrets = [key["token"], *simulator.platform_keys.values(), simulator.signing_secret]
    for kind in ("reset", "truncated", "error", "invalid_json", "html"):
        simulator.admin.add_fault(kind, key=key["id"])
        with pytest.raises(stripe.StripeError):
            client(key["token"]).v1.charges.list()
    with pytest.raises(stripe.PermissionError):
        client(key["token"]).v1.customers.list()
    told = [simulator.admin.requests(), simulator.admin.keys(), simulator.admin.counts()]

    everything = json.dumps(told) + simulator.log_file.read_text(encoding="utf-8")

    assert not [secret for secret in secrets if secret in everything]


def test_reset_forgets_merchants_and_keeps_the_platform(
    simulator: SimulatorProcess, client: Client, key: Json
) -> None:
    simulator.admin.reset()

    with pytest.raises(stripe.AuthenticationError):
        client(key["token"]).v1.charges.list()
    platform = client(simulator.platform_keys["test"]).v1.accounts.retrieve_current()
    assert platform.id == simulator.platform_account


def test_slow_answer_takes_its_time(simulator: SimulatorProcess, key: Json) -> None:
    simulator.admin.add_fault("slow", seconds=0.3)

    started = time.monotonic()
    slow = ask(simulator, key)

    assert slow.status_code == 200
    assert time.monotonic() - started >= 0.3


def test_answer_that_hangs_does_not_come(simulator: SimulatorProcess, key: Json) -> None:
    simulator.admin.add_fault("hang")

    with pytest.raises(requests.Timeout):
        ask(simulator, key, timeout=0.3)


@pytest.mark.parametrize(("kind", "status"), [("slow", 200), ("hang", 504)], ids=["slow", "hang"])
def test_what_waits_goes_on_when_faults_are_cleared(
    simulator: SimulatorProcess, key: Json, kind: str, status: int
) -> None:
    simulator.admin.add_fault(kind, seconds=3600)

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, simulator, key)
        until(lambda: simulator.admin.requests(path="/v1/charges"))
        simulator.admin.clear_faults()

    assert answer.result().status_code == status


def test_concurrent_use_of_one_idempotency_key_is_a_conflict(simulator: SimulatorProcess) -> None:
    key = simulator.admin.create_key(simulator.admin.create_account(), permissions=["customer_write"])
    simulator.admin.add_fault("slow", method="POST", seconds=3600)

    def make() -> requests.Response:
        address, headers = simulator.base_url + "/v1/customers", {"Idempotency-Key": "same"}
        return requests.post(address, auth=(key["token"], ""), headers=headers, timeout=10)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(make)
        until(lambda: simulator.admin.requests(path="/v1/customers"))
        second = make()
        simulator.admin.clear_faults()

    assert first.result().status_code == 200
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"


def test_fault_meets_whom_it_names(simulator: SimulatorProcess, key: Json) -> None:
    others = simulator.admin.create_key(simulator.admin.create_account())
    simulator.admin.add_fault(
        "error", account=key["account"], path="/v1/ch", skip=1, times=2, should_retry=False
    )

    def status(asking: Json, path: str) -> tuple[int, str | None]:
        answer = ask(simulator, asking, path)
        return answer.status_code, answer.headers.get("Stripe-Should-Retry")

    assert status(others, "/v1/charges") == (200, None)
    assert status(key, "/v1/customers") == (200, None)
    assert [status(key, "/v1/charges") for _ in range(4)] == [
        (200, None),
        (500, "false"),
        (500, "false"),
        (200, None),
    ]
    assert simulator.admin.faults() == []
