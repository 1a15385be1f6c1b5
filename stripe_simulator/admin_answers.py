"""How the admin endpoint finds accounts, installs and keys, and what it says of them. Never a token."""

from dataclasses import asdict
from typing import Any

from stripe_simulator.simulator import Simulator
from stripe_simulator.state import Account, ApiKey, Install

Json = dict[str, Any]


class NotThere(Exception):
    """What the request names does not exist."""


def account_answer(account: Account) -> dict[str, Any]:
    """Return an account as JSON."""
    return asdict(account)


def install_answer(install: Install) -> dict[str, Any]:
    """Return an install as JSON."""
    return asdict(install)


def key_answer(sim: Simulator, key: ApiKey) -> dict[str, Any]:
    """Return a key as JSON, its secret shortened."""
    answer = asdict(key)
    del answer["token"]
    answer["shortened"] = key.shortened
    answer["authenticates"] = key.authenticates(sim.now())
    return answer


def account_named(sim: Simulator, account_id: str) -> Account:
    """Return the account with this id; NotThere if there is none."""
    if account_id not in sim.world.accounts:
        raise NotThere(f"There is no account {account_id}.")
    return sim.world.accounts[account_id]


def install_named(sim: Simulator, install_id: str) -> Install:
    """Return the install with this id; NotThere if there is none."""
    if install_id not in sim.world.installs:
        raise NotThere(f"There is no install {install_id}.")
    return sim.world.installs[install_id]


def key_named(sim: Simulator, key_id: str) -> ApiKey:
    """Return the key with this id; NotThere if there is none."""
    if key_id not in sim.world.keys:
        raise NotThere(f"There is no key {key_id}.")
    return sim.world.keys[key_id]
