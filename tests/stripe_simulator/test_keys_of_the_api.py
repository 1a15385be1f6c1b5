"""What a key may do, and what the stock SDK makes of the simulator's refusals."""

import pytest
import stripe

from tests.simulator import SimulatorProcess
from tests.stripe_simulator.conftest import Client


def test_manifest_key_reads_its_account(simulator: SimulatorProcess, client: Client) -> None:
    account = simulator.admin.create_account("Ada's shop")
    key = simulator.admin.create_key(account)

    found = client(key["token"]).v1.accounts.retrieve_current()

    assert found.id == account


def test_missing_permission_names_account_and_key(simulator: SimulatorProcess, client: Client) -> None:
    account = simulator.admin.create_account()
    key = simulator.admin.create_key(account, permissions=["charge_read"])

    with pytest.raises(stripe.PermissionError) as refusal:
        client(key["token"]).v1.customers.list({"limit": 1})

    assert account in str(refusal.value)
    assert key["id"] in str(refusal.value)
