"""The local Stripe's own answer to every question of the catalogue, asked once; the stand-in repeats them."""

import json
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.validation.processes import running
from local_stack.environment import fresh_secrets
from local_stack.ports import free_port
from local_stack.simulator_config import write_simulator_config

KEPT_HEADERS = ("Content-Type", "Stripe-Version")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one request; `account` and `key_id` are whom it named, to be exchanged."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Every answer, and the account and key id that they name."""

    account: str
    key_id: str
    answers: list[Answer]

    def as_json(self) -> str:
        """For the stand-in's process."""
        return json.dumps(asdict(self))


def record(questions: list[tuple[str, str]], folder: Path) -> Recording:
    """Ask the local Stripe each (method, path) as a key with the manifest's permissions."""
    port = free_port()
    base, config = f"http://127.0.0.1:{port}", folder / "simulator.json"
    write_simulator_config(
        config,
        site_url="http://127.0.0.1:9",
        simulator_url="https://dashboard.stripe.com",
        site_secrets=fresh_secrets(),
        changes={"state_file": None},
    )
    command = [sys.executable, "-m", "stripe_simulator", "--config", str(config), "--port", str(port)]
    with running(command, log=folder / "simulator.log", ready="Stripe simulator on"):
        account = str(_admin(base, "/accounts", name="A shop")["id"])
        _admin(base, "/installs", account=account, livemode=False)
        key = _admin(base, "/keys", account=account, livemode=False)
        answers = [_ask(base, method, path, str(key["token"])) for method, path in questions]
    return Recording(account, str(key["id"]), answers)


def _admin(base: str, path: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310
        f"{base}/_simulator{path}", data=json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        found: dict[str, Any] = json.load(response)
        return found


def _ask(base: str, method: str, path: str, token: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(base + path, headers=headers, method=method.upper())  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=10)  # noqa: S310
    except urllib.error.HTTPError as refusal:
        response = refusal
    with response:
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        return Answer(method, path, response.status, kept, response.read().decode())
