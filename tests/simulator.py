"""The Stripe simulator as a process of its own, for every test that needs a Stripe over real HTTP."""

import json
import secrets
import select
import string
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "stripe_app" / "stripe-app.json"
START_SECONDS = 20.0

Json = dict[str, Any]


def secret_like(prefix: str, length: int = 32) -> str:
    """Return a random secret of Stripe's shape, made at run time so that none is ever written in the repository."""
    letters = string.ascii_letters + string.digits
    return prefix + "".join(secrets.choice(letters) for _ in range(length))


def until(condition: Callable[[], Any], *, seconds: float = 10.0, every: float = 0.03) -> Any:
    """Return the condition's first true value; AssertionError when it stays false that long."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"Still not so after {seconds} seconds: {condition}")
        time.sleep(every)


class AdminRefused(Exception):
    """The admin endpoint answered with an error; `status` and the sentence are in it."""

    def __init__(self, status: int, sentence: str):
        super().__init__(f"{status}: {sentence}")
        self.status = status


class SimulatorAdmin:
    """The simulator's own door, `/_simulator/…`, with a method for each thing tests do."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send one request to `/_simulator<path>` and return the answer; AdminRefused for an error."""
        request = urllib.request.Request(  # noqa: S310 - always our own loopback address
            f"{self.base_url}/_simulator{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return cast(Json, json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                raise AdminRefused(error.code, error.read().decode("utf-8", "replace")) from None

    def post(self, path: str, /, **body: Any) -> Json:
        return self.ask("POST", path, body)

    def items(self, path: str) -> list[Json]:
        return cast(list[Json], self.ask("GET", path)["data"])

    # People and apps

    def create_account(self, name: str = "Example shop", **more: Any) -> str:
        """Open a merchant's account and return its `acct_…`."""
        return str(self.post("/accounts", name=name, **more)["id"])

    def create_install(self, account: str, *, livemode: bool = False) -> Json:
        """Install the app on the account."""
        return self.post("/installs", account=account, livemode=livemode)

    def installs(self) -> list[Json]:
        return self.items("/installs")

    def uninstall(self, install: str, *, expire_keys: bool = True, after: float = 0) -> Json:
        """Uninstall the app, at once or after some seconds."""
        return self.post(f"/installs/{install}/uninstall", expire_keys=expire_keys, after=after)

    def create_object(self, account: str, path: str, *, livemode: bool = False, **body: Any) -> Json:
        """Add an object, for instance at `/v1/customers`."""
        return self.post("/objects", account=account, path=path, livemode=livemode, body=body)

    # Keys

    def create_key(self, account: str, *, livemode: bool = False, **more: Any) -> Json:
        """Make a restricted key; `id` and `token` are in the answer.

        More: permissions (default the manifest's), ip_allowlist, expires_at, name, kind, install, app, wording.
        """
        return self.post("/keys", account=account, livemode=livemode, **more)

    def key(self, key: str) -> Json:
        return self.ask("GET", f"/keys/{key}")

    def keys(self, account: str = "") -> list[Json]:
        return self.items(f"/keys?account={account}")

    def change_key(self, key: str, **changes: Any) -> Json:
        """Change permissions, ip_allowlist, name, note, expires_at or wording."""
        return self.post(f"/keys/{key}", **changes)

    def rotate_key(self, key: str, *, overlap: float = 0) -> Json:
        """Rotate; the answer is the new key with its `token`, and `old`."""
        return self.post(f"/keys/{key}/rotate", overlap=overlap)

    def expire_key(self, key: str, *, lag: float | None = None) -> Json:
        """End a key; its secret goes on working for `lag` seconds."""
        return self.post(f"/keys/{key}/expire", **({} if lag is None else {"lag": lag}))

    def end_overlap(self, key: str) -> Json:
        """Let an overlap be over now."""
        return self.post(f"/keys/{key}/end-overlap")

    def reveal_key(self, key: str) -> str:
        return str(self.post(f"/keys/{key}/reveal")["token"])

    # Trouble

    def switch(self, **switches: Any) -> Json:
        """Set switches (error_wording, connect_fanout, …) and return them all."""
        return self.post("/switches", **switches)

    def add_fault(self, kind: str, **rule: Any) -> Json:
        """Add a fault. Rule: path, method, key, account, times, skip, status, reason, seconds, should_retry, moment."""
        return self.post("/faults", kind=kind, **rule)

    def faults(self) -> list[Json]:
        return self.items("/faults")

    def advance(self, seconds: float) -> None:
        """Put the simulator's clock forward; `reset` sets it right."""
        self.post("/clock", advance=seconds)

    def clear_faults(self) -> None:
        self.ask("DELETE", "/faults")

    # Events

    def put_endpoint(self, endpoint: str, url: str, **more: Any) -> Json:
        """Add or replace a webhook endpoint. More: mode, payload, secrets, events, disabled."""
        return self.post("/endpoints", id=endpoint, url=url, **more)

    def emit(self, kind: str, **event: Any) -> str:
        """Publish any event and return its id. Event: account, livemode, shape, data, context, id, treatment, …"""
        return str(self.post("/events", type=kind, **event)["id"])

    def emit_many(self, events: list[Json]) -> list[Json]:
        """Publish events as `emit` would, delivering none; `id` and `body` (the text to deliver) of each."""
        return cast(list[Json], self.post("/events/many", events=events)["data"])

    def ping(self, endpoint: str, *, livemode: bool = False) -> str:
        return str(self.post(f"/endpoints/{endpoint}/ping", livemode=livemode)["id"])

    def events(self, *, account: str = "", kind: str = "") -> list[Json]:
        query = f"?type={kind}" + (f"&account={account}" if account else "")
        return self.items(f"/events{query}")

    def deliver_raw(self, endpoint: str, body: str, **treatment: Any) -> Json:
        """Deliver any text, signed like an event."""
        return self.post("/deliveries", endpoint=endpoint, body=body, treatment=treatment)

    def deliveries(self, **wanted: str) -> list[Json]:
        """Return deliveries, filtered by event, endpoint, state or type."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return self.items(f"/deliveries?{query}")

    def add_treatment(self, *, kind: str = "", times: int | None = 1, **treatment: Any) -> Json:
        """Spoil deliveries to come whose type begins with `kind`: hold=True, drop=True, duplicate=1, age=400, …"""
        return self.post("/treatments", treatment=treatment, type=kind, times=times)

    def release(self, order: str = "oldest") -> int:
        """Send what is held; return how many."""
        return int(self.post("/deliveries/release", order=order)["released"])

    def resend(self, delivery: str) -> Json:
        return self.post(f"/deliveries/{delivery}/resend")

    # Looking

    def requests(self, **wanted: str) -> list[Json]:
        """Return the API calls seen, filtered by path (its beginning), key, account, status or method."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return self.items(f"/requests?{query}")

    def counts(self) -> Json:
        return self.ask("GET", "/counts")

    def reset(self) -> None:
        """Forget everything but the configuration; switches and endpoints stay as they are."""
        self.post("/reset")


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
