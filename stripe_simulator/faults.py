"""Trouble on demand: what the admin endpoint can make the API do to its callers."""

import asyncio
import contextlib
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from stripe_simulator.config import ConfigError

KINDS = (
    "rate_limit",
    "lock_timeout",
    "conflict",
    "error",
    "slow",
    "hang",
    "reset",
    "truncated",
    "invalid_json",
    "html",
    "redirect",
    "unauthorized",
    "quoting",
)
MOMENTS = ("before", "after")


@dataclass
class Fault:
    """One rule: which requests it meets, how often, and what it does to them."""

    kind: str
    id: int = 0
    path: str = ""
    """A regular expression found at the beginning of the path; empty meets every path."""
    method: str = ""
    key: str = ""
    account: str = ""
    times: int | None = 1
    """How many requests it still meets; None means until it is cleared."""
    skip: int = 0
    """How many matching requests pass unharmed first."""
    status: int = 500
    reason: str | None = None
    seconds: float = 1.0
    should_retry: bool | None = None
    moment: str = "before"
    """`after`: the request has its effect, only the answer is harmed."""
    hits: int = field(default=0)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"Fault kind is one of {', '.join(KINDS)}.")
        if self.moment not in MOMENTS:
            raise ConfigError(f"Fault moment is one of {', '.join(MOMENTS)}.")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ConfigError(f"Fault path is no regular expression: {error}.") from error

    def meets(self, method: str, path: str, key: str, accounts: tuple[str, ...]) -> bool:
        """Say whether this request is one of those the rule is for."""
        return (
            re.match(self.path, path) is not None
            and self.method in ("", method)
            and self.key in ("", key)
            and (not self.account or self.account in accounts)
        )


class Faults:
    """The rules in force, oldest first; the first that meets a request is the only one used."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._last_id = 0
        self._cleared = asyncio.Event()

    def add(self, values: dict[str, Any]) -> Fault:
        """Add a rule; ConfigError when it is not understood."""
        values = {name: value for name, value in values.items() if name not in ("id", "hits")}
        try:
            fault = Fault(**values)
        except TypeError as error:
            raise ConfigError(f"The fault is not understood: {error}.") from error
        self._last_id += 1
        fault.id = self._last_id
        self._rules.append(fault)
        return fault

    def take(self, method: str, path: str, key: str, accounts: tuple[str, ...]) -> Fault | None:
        """Return the rule this request meets, counting it."""
        for fault in self._rules:
            if not fault.meets(method, path, key, accounts):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._rules.remove(fault)
            return fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Remove one rule; say whether it was there."""
        before = len(self._rules)
        self._rules = [fault for fault in self._rules if fault.id != fault_id]
        return len(self._rules) < before

    def clear(self) -> None:
        """Remove every rule, and let go on what they make wait."""
        self._rules.clear()
        cleared, self._cleared = self._cleared, asyncio.Event()
        cleared.set()

    async def wait(self, seconds: float) -> None:
        """Make a request wait so long, or until the rules are cleared."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cleared.wait(), seconds)

    def listed(self) -> list[dict[str, Any]]:
        """Return the rules as JSON."""
        return [asdict(fault) for fault in self._rules]
