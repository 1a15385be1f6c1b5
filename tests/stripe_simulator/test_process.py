"""The process itself: what it remembers from one start to the next, and how it refuses to start."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import stripe

from tests.postbox import open_postbox
from tests.simulator import ROOT, SimulatorProcess, secret_like, until

pytestmark = pytest.mark.processes


def client_of(simulator: SimulatorProcess, key: str) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": simulator.base_url}, max_network_retries=0)


def test_second_start_remembers_and_goes_on_delivering(tmp_path: Path) -> None:
    with open_postbox() as box:
        box.answers = [500]
        endpoint = {
            "id": "ed_1",
            "url": box.url,
            "secrets": [secret_like("whsec_")],
            "events": ["v2.custom.event"],
        }
        simulator = SimulatorProcess(
            tmp_path, keep_state=True, webhook_endpoints=[endpoint], webhook_retry_seconds=[1.5]
        )
        with simulator:
            account = simulator.admin.create_account("Ada's shop")
            install = simulator.admin.create_install(account)
            key = simulator.admin.create_key(account)
            simulator.admin.create_object(account, "/v1/customers", name="Grace")
            event = simulator.admin.emit("v2.custom.event", account=simulator.platform_account)
            events = simulator.admin.events()
            box.wait_for(1)
            until(lambda: simulator.admin.deliveries(event=event)[0]["attempts"])
        with simulator:
            customers = client_of(simulator, key["token"]).v1.customers.list()

            assert [customer.name for customer in customers.data] == ["Grace"]
            assert simulator.admin.installs() == [install]
            assert simulator.admin.events() == events
            assert events
            box.wait_for(2)
            until(lambda: simulator.admin.deliveries(event=event, state="delivered"))


def test_killed_process_remembers_in_a_file_for_its_owner_only(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path, keep_state=True)
    with simulator:
        key = simulator.admin.create_key(simulator.admin.create_account())
        until(lambda: simulator.state_file.exists() and key["id"] in simulator.state_file.read_text("utf-8"))
        simulator.kill()
        assert stat.S_IMODE(simulator.state_file.stat().st_mode) == 0o600
        simulator.start()

        assert simulator.admin.key(key["id"])["authenticates"] is True
        assert [path.name for path in tmp_path.glob("*.new")] == []


def ended_at_once(config: Path, port: int) -> str:
    """What a simulator that cannot start says."""
    ended = subprocess.run(
        [sys.executable, "-m", "stripe_simulator", "--config", str(config), "--port", str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_unusable_configuration_is_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "simulator.json"
    config.write_text("not json", encoding="utf-8")

    assert "is not JSON" in ended_at_once(config, 0)


def test_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        said = ended_at_once(tmp_path / "simulator.json", simulator.port)

    assert f"Port {simulator.port} on 127.0.0.1 cannot be used" in said
