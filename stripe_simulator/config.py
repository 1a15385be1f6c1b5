"""The one JSON file the simulator is started with, read and checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

WORDINGS = ("2021", "2026", "vague")
MODES = ("live", "test", "both")
PAYLOADS = ("thin", "snapshot")
# How the secret of a key that the app makes may travel; Stripe's documentation leaves the first two open.
SOUND = ("RSA-OAEP-256", "RSA-OAEP")
HOSTILE = (
    *("RSA1_5", "dir", "A128GCM", "zip", "json"),
    *("wrong_recipient", "wrong_label", "truncated", "altered"),
    *("not_a_key", "other_mode", "unrestricted", "plain", "nothing"),
)
CHOICES = {
    "error_wording": WORDINGS,
    "account_gate": ("connected_account_read", "accounts_kyc_basic_read", "either", "none", "closed"),
    "delivery": (*SOUND, *HOSTILE),
}
"""Switches that know some words only."""


class ConfigError(Exception):
    """The configuration file cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Permission:
    """One permission the app asks for and why."""

    name: str
    purpose: str


@dataclass(frozen=True)
class App:
    """The Stripe App: what its manifest says and the ids Stripe gave it."""

    manifest_id: str
    name: str
    access_type: str
    permissions: tuple[Permission, ...]
    redirect_uris: tuple[str, ...]
    object_id: str
    client_id: str
    channel_link: str

    @property
    def permission_names(self) -> list[str]:
        return [permission.name for permission in self.permissions]


@dataclass
class Endpoint:
    """Where the platform wants its events."""

    id: str
    url: str
    mode: str = "both"
    payload: str = "thin"
    secrets: list[str] = field(default_factory=list, repr=False)
    events: list[str] = field(default_factory=lambda: ["*"])
    disabled: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"Webhook endpoint {self.id}: mode is one of {', '.join(MODES)}.")
        if self.payload not in PAYLOADS:
            raise ConfigError(f"Webhook endpoint {self.id}: payload is one of {', '.join(PAYLOADS)}.")
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"Webhook endpoint {self.id}: url begins with http:// or https://.")


@dataclass
class Switches:
    """What may be changed while the simulator runs, by `POST /_simulator/switches`."""

    error_wording: str = "2026"
    connect_fanout: bool = True
    related_object: bool = False
    """Whether v2.iam notifications name the key."""
    context_is_path: bool = False
    """Whether their context names the platform before the merchant: `acct_…/acct_…`."""
    account_gate: str = "either"
    """What opens `GET /v1/account`."""
    api_key_write_approved: bool = False
    delivery: str = "RSA-OAEP-256"
    """How the secret of a key that the app makes is encrypted, if it is."""
    encrypts_in_test_mode: bool = False
    next_page_host: str = ""
    """What is put before the path in the address of a list's next page: nothing, or wherever it shall lead."""
    implied_permissions: bool = False
    wrong_names: bool = False
    """Whether some refusals name another permission than the one that is missing, as has been seen."""
    every_product: bool = False
    """Whether accounts have Issuing and Treasury; without, their lists answer 400."""
    test_events_to_live_endpoint: bool = True
    return_after_install: bool = True
    """What the install page proposes: back to the app's site, or stay on the settings page."""
    expire_lag_seconds: float = 9.0
    uninstall_seconds: float = 3.0
    uninstall_expires_keys: bool = True
    retrieve_expired_is_404: bool = True
    installs_minimum_version: str = "2026-09-30"
    webhook_retry_seconds: list[float] = field(default_factory=lambda: [1.0, 2.0, 5.0])
    webhook_retries_as_stripe: bool = False
    """Whether they last as long as Stripe's instead: three days in live mode, some hours in test mode."""
    delivery_timeout_seconds: float = 10.0

    def change(self, values: Mapping[str, Any]) -> None:
        """Set the named switches, all or none; ConfigError for an unknown name or a wrong kind of value."""
        for name, value in values.items():
            self._check(name, value)
        for name, value in values.items():
            setattr(self, name, value)

    def _check(self, name: str, value: Any) -> None:
        if name not in self.__dataclass_fields__:
            raise ConfigError(f"There is no switch named {name}.")
        present = getattr(Switches(), name)
        if isinstance(present, bool) != isinstance(value, bool):
            raise ConfigError(f"Switch {name} takes {type(present).__name__}.")
        if isinstance(present, float):
            accepted: tuple[type, ...] = (int, float)
        else:
            accepted = (type(present),)
        if not isinstance(value, accepted):
            raise ConfigError(f"Switch {name} takes {type(present).__name__}.")
        if name in CHOICES and value not in CHOICES[name]:
            raise ConfigError(f"Switch {name} is one of {', '.join(CHOICES[name])}.")


@dataclass
class Config:
    """Everything the file says."""

    app: App
    state_file: Path | None = None
    public_url: str = ""
    signing_secrets: list[str] = field(default_factory=list, repr=False)
    second_app: str = "app_1SimulatedSecondApp"
    """The `app_…` id of another app of the same developer, with the same permissions."""
    platform_account: str = "acct_1PlatformOfTheApp"
    platform_keys: dict[str, str] = field(default_factory=dict, repr=False)
    endpoints: list[Endpoint] = field(default_factory=list)
    accounts: list[dict[str, str]] = field(default_factory=list)
    switches: Switches = field(default_factory=Switches)


def read(path: Path) -> Config:
    """Return the configuration in this file; ConfigError names what is wrong with it."""
    data = _load(path)
    switches = Switches()
    switches.change({name: data[name] for name in Switches.__dataclass_fields__ if name in data})
    platform = cast(dict[str, Any], data.get("platform") or {})
    state_file = data.get("state_file")
    return Config(
        app=_app(data, path.parent),
        second_app=str(data.get("second_app") or Config.second_app),
        state_file=Path(state_file) if state_file else None,
        public_url=str(data.get("public_url") or "").rstrip("/"),
        signing_secrets=list(data.get("signing_secrets") or []),
        platform_account=str(platform.get("account") or Config.platform_account),
        platform_keys=dict(platform.get("keys") or {}),
        endpoints=[_endpoint(entry) for entry in data.get("webhook_endpoints") or []],
        accounts=list(data.get("accounts") or []),
        switches=switches,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no JSON object.")
    return data


def _endpoint(entry: dict[str, Any]) -> Endpoint:
    try:
        return Endpoint(**entry)
    except TypeError as error:
        raise ConfigError(f"A webhook endpoint is not understood: {error}.") from error


def _app(data: dict[str, Any], folder: Path) -> App:
    if not data.get("manifest"):
        raise ConfigError("The configuration names no manifest (a stripe-app.json).")
    manifest_path = Path(data["manifest"])
    manifest = _load(manifest_path if manifest_path.is_absolute() else _found(manifest_path, folder))
    ids = data.get("app") or {}
    try:
        return App(
            manifest_id=manifest["id"],
            name=manifest["name"],
            access_type=manifest.get("stripe_api_access_type", "platform"),
            permissions=tuple(Permission(p["permission"], p["purpose"]) for p in manifest["permissions"]),
            redirect_uris=(
                *manifest.get("allowed_redirect_uris", []),
                *data.get("allowed_redirect_uris", []),
            ),
            object_id=ids.get("object_id", "app_1SimulatedPartnerApp"),
            client_id=ids.get("client_id", "ca_SimulatedPartnerApp"),
            channel_link=ids.get("channel_link", "chnlink_1SimulatedPartnerApp"),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(f"The manifest lacks {error}.") from error


def _found(path: Path, folder: Path) -> Path:
    """A relative path counts from the working directory, else from beside the configuration file."""
    return path if path.exists() else folder / path
