"""What `Idempotency-Key` promises: the same request twice has one effect and one answer."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from stripe_simulator import errors

DAY = 24 * 3600
KEPT_SECONDS = {"v1": DAY, "v2": 30 * DAY}
KEPT_COUNT = 10_000


@dataclass
class Replay:
    """The first use of a key: what was asked and, once known, what was answered."""

    fingerprint: str
    request_id: str
    started: float
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        return self.status == 0


Scope = tuple[str, bool, str]
"""Account, mode and idempotency key."""


class Replays:
    """The first answers, kept for a day, or for thirty where the second version of the API was asked."""

    def __init__(self) -> None:
        self._kept: dict[Scope, Replay] = {}

    def begin(
        self, scope: Scope, fingerprint: str, request_id: str, *, now: float, version: str
    ) -> Replay | None:
        """Return the earlier answer to replay, or None when this request is the first of its key.

        Raises ApiError 400 when the key was used with another body, 409 while the first is still running.
        """
        earlier = self._kept.get(scope)
        if earlier is None or now - earlier.started > KEPT_SECONDS[version]:
            self._kept.pop(scope, None)
            self._kept[scope] = Replay(fingerprint, request_id, now)
            self._forget_first()
            return None
        if earlier.fingerprint != fingerprint:
            raise errors.idempotency_mismatch(scope[2])
        if earlier.is_running:
            raise errors.idempotency_in_use(scope[2])
        return earlier

    def finish(self, scope: Scope, status: int, body: dict[str, Any]) -> None:
        """Keep the first answer."""
        replay = self._kept.get(scope)
        if replay is not None:
            replay.status, replay.body = status, body

    def abandon(self, scope: Scope) -> None:
        """Free a key whose request was refused before it had any effect."""
        self._kept.pop(scope, None)

    def clear(self) -> None:
        self._kept.clear()

    def _forget_first(self) -> None:
        while len(self._kept) > KEPT_COUNT:
            del self._kept[next(iter(self._kept))]


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what tells two requests apart."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()
