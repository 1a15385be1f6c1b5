"""The Stripe simulator as a process of its own, for every test that needs a Stripe over real HTTP."""

import json
import secrets
import select
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.simulator_admin import AdminRefused, Json, SimulatorAdmin
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "stripe_app" / "stripe-app.json"
START_SECONDS = 20.0

__all__ = ["AdminRefused", "Json", "SimulatorAdmin", "SimulatorProcess", "secret_like", "until"]


def secret_like(prefix: str, length: int = 32) -> str:
    """Return a random secret of Stripe's shape, made at run time so that none is ever written in the repository."""
    letters = string.ascii_letters + string.digits
    return prefix + "".join(secrets.choice(letters) for _ in range(length))


def until(condition: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """Return the condition's first true value; AssertionError when it stays false that long."""
    return eventually(condition, timeout=seconds)


class SimulatorProcess:
    """Start and stop the simulator. Everything secret in its configuration is made at run time.

    `folder` receives its configuration, its log and (with keep_state) its state file. More configuration
    (webhook_endpoints, connect_fanout, …) goes in as keywords.
    """

    def __init__(
        self, folder: Path, *, keep_state: bool = False, port: int = 0, **configuration: Any
    ) -> None:
        self.folder = folder
        self.port = port
        self.base_url = ""
        self.platform_account = "acct_1PlatformTests00"
        self.platform_keys = {mode: secret_like(f"sk_{mode}_", 99) for mode in ("live", "test")}
        self.signing_secret = secret_like("absec_")
        self.configuration: Json = {
            "state_file": str(folder / "simulator-state.json") if keep_state else None,
            "manifest": str(MANIFEST),
            "signing_secrets": [self.signing_secret],
            "platform": {"account": self.platform_account, "keys": self.platform_keys},
            "webhook_retry_seconds": [0.1, 0.1, 0.1],
            "expire_lag_seconds": 0,
            "uninstall_seconds": 0.3,
            **configuration,
        }
        self._process: subprocess.Popen[str] | None = None
        self._switches: Json = {}

    @property
    def admin(self) -> SimulatorAdmin:
        """The door for tests."""
        return SimulatorAdmin(self.base_url)

    @property
    def log_file(self) -> Path:
        """What the process wrote on its standard error."""
        return self.folder / "simulator.log"

    @property
    def state_file(self) -> Path:
        return self.folder / "simulator-state.json"

    def start(self) -> "SimulatorProcess":
        """Start the process and return once it answers; RuntimeError with its own words if it does not."""
        config = self.folder / "simulator.json"
        config.write_text(json.dumps(self.configuration), encoding="utf-8")
        config.chmod(0o600)
        with self.log_file.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stripe_simulator", "--config", str(config), "--port", str(self.port)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self._first_line(self._process)
        if "http://" not in line:
            self.stop()
            raise RuntimeError(f"The simulator did not start: {self.log_file.read_text(encoding='utf-8')}")
        self.base_url = "http://" + line.rstrip().partition("http://")[2]
        self.port = int(self.base_url.rpartition(":")[2])
        self._switches = self.admin.ask("GET", "/switches")
        return self

    def reset_switches(self) -> None:
        """Set every switch as it was when the process started."""
        self.admin.switch(**self._switches)

    @staticmethod
    def _first_line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        return process.stdout.readline() if ready else ""

    def stop(self) -> None:
        """Stop the process; it keeps its state file and, at the next start, its port."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self) -> None:
        """End the process without any farewell."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def __enter__(self) -> "SimulatorProcess":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
