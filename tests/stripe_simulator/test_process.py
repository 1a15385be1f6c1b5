"""The process itself: what it remembers, what it keeps to itself, how it refuses to start."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import stripe

from tests.postbox import open_postbox
from tests.simulator import ROOT, SimulatorProcess, secret_like, until

pytestmark = pytest.mark.processes


def client_of(simulator: SimulatorProcess, key: str) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": simulator.base_url}, max_network_retries=0)


def test_second_start_remembers(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path, keep_state=True)
    with simulator:
        account = simulator.admin.create_account("Ada's shop")
        install = simulator.admin.create_install(account)
        key = simulator.admin.create_key(account)
        events = simulator.admin.events()
        simulator.admin.create_object(account, "/v1/customers", name="Grace")
    with simulator:
        charges = client_of(simulator, key["token"]).v1.charges.list()
        customers = client_of(simulator, key["token"]).v1.customers.list()

        assert charges.data == []
        assert [customer.name for customer in customers.data] == ["Grace"]
        assert simulator.admin.installs() == [install]
        assert simulator.admin.events() == events
        assert events


def test_killed_process_remembers(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path, keep_state=True)
    with simulator:
        key = simulator.admin.create_key(simulator.admin.create_account())
        until(lambda: simulator.state_file.exists() and key["id"] in simulator.state_file.read_text("utf-8"))
        simulator.kill()
        simulator.start()

        assert simulator.admin.key(key["id"])["authenticates"] is True


def test_pending_delivery_survives_a_restart(tmp_path: Path) -> None:
    with open_postbox() as box:
        box.answers = [500]
        endpoint = {"id": "ed_1", "url": box.url, "secrets": [secret_like("whsec_")]}
        simulator = SimulatorProcess(
            tmp_path, keep_state=True, webhook_endpoints=[endpoint], webhook_retry_seconds=[1.5]
        )
        with simulator:
            event = simulator.admin.emit("v2.custom.event", account=simulator.platform_account)
            box.wait_for(1)
            until(lambda: simulator.admin.deliveries(event=event)[0]["attempts"])
        with simulator:
            box.wait_for(2)
            until(lambda: simulator.admin.deliveries(event=event, state="delivered"))


def test_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path, keep_state=True) as simulator:
        simulator.admin.create_account()
        until(simulator.state_file.exists)

        assert stat.S_IMODE(simulator.state_file.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.glob("*.new")] == []


def test_no_key_is_ever_logged(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        account = simulator.admin.create_account()
        key = simulator.admin.create_key(account, permissions=["charge_read"])
        secrets = [key["token"], *simulator.platform_keys.values(), simulator.signing_secret]
        for kind in ("reset", "truncated", "error", "invalid_json", "html"):
            simulator.admin.add_fault(kind, key=key["id"])
            with pytest.raises(stripe.StripeError):
                client_of(simulator, key["token"]).v1.charges.list()
        with pytest.raises(stripe.PermissionError):
            client_of(simulator, key["token"]).v1.customers.list()
        everything = json.dumps(
            [simulator.admin.requests(), simulator.admin.keys(), simulator.admin.counts()]
        )
    everything += simulator.log_file.read_text(encoding="utf-8")

    assert not [secret for secret in secrets if secret in everything]


def test_reset_forgets_merchants_and_keeps_the_platform(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        key = simulator.admin.create_key(simulator.admin.create_account())

        simulator.admin.reset()

        with pytest.raises(stripe.AuthenticationError):
            client_of(simulator, key["token"]).v1.charges.list()
        platform = client_of(simulator, simulator.platform_keys["test"]).v1.accounts.retrieve_current()
        assert platform.id == simulator.platform_account


def test_slow_answer_takes_its_time_and_hang_takes_longer(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        key = simulator.admin.create_key(simulator.admin.create_account())
        address = simulator.base_url + "/v1/charges"
        simulator.admin.add_fault("slow", seconds=0.4)
        simulator.admin.add_fault("hang")

        started = time.monotonic()
        slow = requests.get(address, auth=(key["token"], ""), timeout=10)
        took = time.monotonic() - started

        assert slow.status_code == 200
        assert took >= 0.4
        with pytest.raises(requests.Timeout):
            requests.get(address, auth=(key["token"], ""), timeout=0.3)


def test_concurrent_use_of_one_idempotency_key_is_a_conflict(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        account = simulator.admin.create_account()
        key = simulator.admin.create_key(account, permissions=["customer_write"])
        simulator.admin.add_fault("slow", method="POST", seconds=3)
        address, headers = simulator.base_url + "/v1/customers", {"Idempotency-Key": "same"}
        with pytest.raises(requests.Timeout):
            requests.post(address, auth=(key["token"], ""), headers=headers, timeout=0.3)

        second = requests.post(address, auth=(key["token"], ""), headers=headers, timeout=10)

        assert second.status_code == 409
        assert second.json()["error"]["code"] == "idempotency_key_in_use"


def test_fault_meets_whom_it_names(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        account, other = simulator.admin.create_account(), simulator.admin.create_account()
        key, others = simulator.admin.create_key(account), simulator.admin.create_key(other)
        simulator.admin.add_fault(
            "error", account=account, path="/v1/ch", skip=1, times=2, should_retry=False
        )

        def status(token: str, path: str) -> tuple[int, str | None]:
            answer = requests.get(simulator.base_url + path, auth=(token, ""), timeout=10)
            return answer.status_code, answer.headers.get("Stripe-Should-Retry")

        assert status(others["token"], "/v1/charges") == (200, None)
        assert status(key["token"], "/v1/customers") == (200, None)
        assert [status(key["token"], "/v1/charges") for _ in range(4)] == [
            (200, None),
            (500, "false"),
            (500, "false"),
            (200, None),
        ]
        assert simulator.admin.faults() == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("not json", "is not JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "names no manifest"),
        ('{"manifest": "stripe_app/nowhere.json"}', "cannot be read"),
        ('{"manifest": "stripe_app/stripe-app.json", "error_wording": "1999"}', "error_wording is one of"),
        (
            '{"manifest": "stripe_app/stripe-app.json", "webhook_endpoints": [{"id": "we", "url": "ftp://x"}]}',
            "url begins with",
        ),
    ],
)
def test_unusable_configuration_is_one_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    config = tmp_path / "simulator.json"
    config.write_text(content, encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, "-m", "stripe_simulator", "--config", str(config), "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        config = tmp_path / "simulator.json"
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "stripe_simulator",
                "--config",
                str(config),
                "--port",
                str(simulator.port),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )

    assert ended.returncode == 2
    assert f"Port {simulator.port} on 127.0.0.1 cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr
