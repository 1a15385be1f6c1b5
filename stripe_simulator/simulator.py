"""The simulator itself: its configuration, its memory and the people who serve both."""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from stripe_simulator import storage, tokens
from stripe_simulator.clock import Clock
from stripe_simulator.config import Config, Endpoint, Switches
from stripe_simulator.deliveries import PostOffice
from stripe_simulator.faults import Faults
from stripe_simulator.idempotency import Replays
from stripe_simulator.state import Account, ApiKey, World

logger = logging.getLogger("stripe_simulator")

SAVE_EVERY = 0.2
REQUESTS_KEPT = 5000


@dataclass
class Simulator:
    """Everything a request handler needs, in one place."""

    config: Config
    world: World
    public_url: str = ""
    faults: Faults = field(default_factory=Faults)
    replays: Replays = field(default_factory=Replays)
    requests_ever: int = 0
    """Of which only the last are in `requests`."""
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    clock: Clock = field(default_factory=Clock)
    writes: int = 0
    """How often an object was made, changed or removed since the start."""
    _by_token: dict[str, str] = field(default_factory=dict, repr=False)
    _saved_at: float = 0.0
    _save_planned: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.switches: Switches = self.config.switches
        self.signing_secrets = list(self.config.signing_secrets)
        self.endpoints: dict[str, Endpoint] = {entry.id: entry for entry in self.config.endpoints}
        self.public_url = self.config.public_url
        self._by_token = {key.token: key.id for key in self.world.keys.values()}
        self.post_office = PostOffice(self)
        self.seed()

    @classmethod
    def start(cls, config: Config) -> "Simulator":
        """Return a simulator that remembers what its state file holds."""
        world = storage.load(config.state_file) if config.state_file else World()
        return cls(config=config, world=world)

    def now(self) -> float:
        """Return the present moment in seconds since 1970, by the simulator's clock."""
        return self.clock.now()

    # Keys

    def key_with(self, token: str) -> ApiKey | None:
        """Return the key this secret belongs to, if any."""
        return self.world.keys.get(self._by_token.get(token, ""))

    def remember_key(self, key: ApiKey) -> None:
        """Add a key."""
        self.world.keys[key.id] = key
        self._by_token[key.token] = key.id

    # Beginning

    def seed(self) -> None:
        """Put in what the configuration names and the world lacks: platform, its keys, accounts."""
        account = self.config.platform_account
        self._seed_account(account, f"{self.config.app.name} (the platform)", "platform@example.com")
        for mode, token in self.config.platform_keys.items():
            if self.key_with(token) is None:
                self.remember_key(
                    ApiKey(
                        id=tokens.key_id(account),
                        account=account,
                        livemode=mode == "live",
                        kind="secret",
                        token=token,
                        name="Platform key",
                        created=self.now(),
                    )
                )
        for entry in self.config.accounts:
            self._seed_account(entry["id"], entry["name"], entry.get("email", ""))

    def _seed_account(self, account: str, name: str, email: str) -> None:
        self.world.accounts.setdefault(account, Account(account, name, email, self.now()))

    def reset(self) -> None:
        """Forget everything but the configuration."""
        self.post_office.cancel_all()
        self.clock.set_right()
        self.world = World()
        self._by_token = {}
        self.faults.clear()
        self.replays.clear()
        self.requests.clear()
        self.post_office.clear_rules()
        self.seed()
        self.changed()

    # Keeping

    def changed(self) -> None:
        """Keep the present state: at once, or within a fifth of a second when changes come fast."""
        if self.config.state_file is None or self._save_planned is not None:
            return
        wait = self._saved_at + SAVE_EVERY - time.monotonic()
        if wait <= 0:
            self.save()
        else:
            self._save_planned = asyncio.get_running_loop().call_later(wait, self.save)

    def save(self) -> None:
        """Write the state file, if there is one."""
        if self._save_planned is not None:
            self._save_planned.cancel()
            self._save_planned = None
        if self.config.state_file is not None:
            storage.save(self.world, self.config.state_file)
            self._saved_at = time.monotonic()
