"""Everything the simulator remembers, as plain data."""

from dataclasses import dataclass, field
from typing import Any

from stripe_simulator import tokens

MANAGED_BY_USER = ""


@dataclass
class Account:
    """A merchant's Stripe account; it has both modes."""

    id: str
    name: str
    email: str
    created: float
    activated: bool = True


@dataclass
class Install:
    """The app on one account in one mode."""

    id: str
    account: str
    livemode: bool
    user: str
    created: float
    permissions: list[str]
    status: str = "installed"
    uninstalls_at: float | None = None
    expire_keys: bool = True
    app: str = ""
    """The `app_…` id of the developer's second app; empty for the first."""
    pending: list[str] = field(default_factory=list)
    """Permissions that a newer version asks for and nobody has approved yet."""

    @property
    def reaches_account(self) -> bool:
        """Whether the app may still act on the account."""
        return self.status == "installed"


@dataclass
class ApiKey:
    """One API key of an account: restricted, unrestricted or publishable."""

    id: str
    account: str
    livemode: bool
    kind: str
    token: str = field(repr=False)
    name: str
    created: float
    permissions: list[str] = field(default_factory=list)
    connect_permissions: list[str] = field(default_factory=list)
    """What it may do on the accounts that the app is installed on."""
    note: str = ""
    ip_allowlist: list[str] = field(default_factory=list)
    expires_at: float | None = None
    """When it stops by itself: an expiry date, or the end of a rotation's overlap."""
    works_until: float | None = None
    """Set once it was ended: until then the secret still authenticates (Stripe's lag)."""
    status: str = "active"
    app: str = MANAGED_BY_USER
    """The `app_…` that manages it, empty for a key the merchant manages."""
    install: str = ""
    """The install whose settings page shows it."""
    replaced_by: str = ""
    last_used: float | None = None
    wording: str = ""
    """The wording of its 403s when it differs from everybody's."""

    @property
    def shortened(self) -> str:
        return tokens.shortened(self.token)

    def authenticates(self, now: float) -> bool:
        """Whether the secret is still accepted at this moment."""
        if self.status == "expired":
            return self.works_until is not None and now < self.works_until
        return self.expires_at is None or now < self.expires_at

    def is_active(self, now: float) -> bool:
        """Whether Stripe would call the key active, whatever its secret still does."""
        return self.status == "active" and (self.expires_at is None or now < self.expires_at)


@dataclass
class Event:
    """Something that happened; its shape says whether it is told thin (v2) or as a snapshot (v1)."""

    id: str
    type: str
    livemode: bool
    created: float
    shape: str
    account: str
    """The account it belongs to and under which it is fetched."""
    context: str | None = None
    connect: bool = True
    """Whether it happened on an account other than the platform's own."""
    data: dict[str, Any] = field(default_factory=dict)
    related_object: dict[str, str] | None = None
    reason: dict[str, Any] | None = None


@dataclass
class Attempt:
    """One try to deliver and what came back."""

    at: float
    status: int | None
    error: str
    seconds: float


@dataclass
class Delivery:
    """One event on its way to one endpoint."""

    id: str
    event: str
    type: str
    endpoint: str
    created: float
    body: str = field(repr=False)
    treatment: dict[str, Any] = field(default_factory=dict)
    state: str = "pending"
    """pending, held, delivered, failed, dropped or stopped."""
    next_at: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)


@dataclass
class StoredObject:
    """A customer, charge, … of an account."""

    id: str
    account: str
    livemode: bool
    path: str
    body: dict[str, Any]


@dataclass
class World:
    """All of it."""

    accounts: dict[str, Account] = field(default_factory=dict)
    installs: dict[str, Install] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    """Browser session to account."""

    def install_of(self, account: str, *, livemode: bool, app: str = "") -> Install | None:
        """Return the app's install on this account in this mode, if there is one."""
        found = (one for one in self.installs_of(account, livemode=livemode) if one.app == app)
        return next(found, None)

    def installs_of(self, account: str, *, livemode: bool) -> list[Install]:
        """Return the installs of all of the developer's apps on this account in this mode."""
        of_mode = (one for one in self.installs.values() if one.livemode == livemode)
        return [one for one in of_mode if one.account == account]

    def keys_of(self, account: str, *, livemode: bool) -> list[ApiKey]:
        """Return the account's keys in this mode, newest first."""
        mine = [k for k in self.keys.values() if k.account == account and k.livemode == livemode]
        return sorted(mine, key=lambda key: key.created, reverse=True)
