"""The simulator's own door, as tests use it."""

import json
import urllib.error
import urllib.request
from typing import Any, cast

Json = dict[str, Any]


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
