"""The limits of the settings that are numbers: beyond them a protection would be off, and nobody told."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from partner_site.checks import TAG


@dataclass(frozen=True)
class Range:
    """The values that a setting may have, and what goes wrong beyond them."""

    least: float
    why: str
    most: float = float("inf")
    excludes_least: bool = False
    excludes_most: bool = False

    def __contains__(self, value: object) -> bool:
        """Whether the setting may have that value; what is no number lies in no range."""
        if not isinstance(value, int | float) or not isfinite(value):
            return False
        is_enough = value > self.least if self.excludes_least else value >= self.least
        return is_enough and (value < self.most if self.excludes_most else value <= self.most)

    def __str__(self) -> str:
        least = f"{'more than' if self.excludes_least else 'at least'} {self.least:g}"
        if not isfinite(self.most):
            return least
        return f"{least} and {'less than' if self.excludes_most else 'at most'} {self.most:g}"


_NOBODY = "Nothing would be checked."
_PASTES = "Nobody could paste a key."
LIMITS = {
    "STRIPE_TIMEOUT_SECONDS": Range(
        0, "A check has to end, whatever Stripe does, before another worker takes it over.", 10, True
    ),
    "STRIPE_RATE_LIVE": Range(0, _NOBODY, excludes_least=True),
    "STRIPE_RATE_TEST": Range(0, _NOBODY, excludes_least=True),
    "STRIPE_RATE_SHARE": Range(0, "Checks would use up more than Stripe allows the account.", 1, True),
    "RECONCILE_REQUESTS_PER_SECOND": Range(0, "Lost deliveries would never be found.", 50, True),
    "INSTALL_STATE_LIFETIME_SECONDS": Range(60, "Nobody could connect an account.", 24 * 60 * 60),
    "EVENT_BODIES_KEPT_DAYS": Range(7, "Events would lose their bodies before they are worked on."),
    "EVENT_FACTS_KEPT_DAYS": Range(45, "An event that Stripe still lists would be taken for a new one."),
    "KEY_SERVICE_TIMEOUT_SECONDS": Range(0, "No stored key could be opened.", 20, True),
    "BACKUP_LIFETIME_DAYS": Range(0, "Merchants are told how long backups are kept."),
    "KEY_CHECK_PERIOD_SECONDS": Range(
        60, "Every key would be due all the time, or a dead one be used for ever.", 31 * 24 * 60 * 60
    ),
    "PENDING_KEY_LIFETIME_DAYS": Range(1, "Keys would be given up before they could be proven."),
    "KEY_CONFIRM_DEAD_AFTER_SECONDS": Range(1, "One mistake of Stripe's would end a key."),
    "KEY_EXPIRY_LAG_SECONDS": Range(0, "It is a time to wait."),
    "KEY_SHORTEST_CHECK_SECONDS": Range(0, "It is a time to wait."),
    "KEY_CHECK_COOLDOWN_SECONDS": Range(0, "It is a time to wait."),
    "KEY_EVENT_SPACING_SECONDS": Range(0, "Keys would be used that Stripe has changed.", 60),
    "KEY_SWEEP_REQUESTS_PER_SECOND": Range(0, _NOBODY, excludes_least=True),
    "KEY_BRAKE_SHARE": Range(0, "The brake would never go on, or never go off.", 1, True, excludes_most=True),
    "KEY_BRAKE_ACCOUNTS": Range(1, "The brake would be on all the time."),
    "KEY_BRAKE_WINDOW_SECONDS": Range(1, "The brake would never go on."),
    "MANAGED_KEY_ROTATION_DAYS": Range(1, "Keys would be made all the time.", 3650),
    "MANAGED_KEY_OVERLAP_MINUTES": Range(1, "Calls under way would fail at each rotation.", 10_080),
    "PASTE_LIMIT_PER_HOUR": Range(1, _PASTES),
    "PASTE_LIMIT_PER_DAY": Range(1, _PASTES),
    "PASTE_LIMIT_PER_ADDRESS_PER_HOUR": Range(1, _PASTES),
    "WORKER_THREADS": Range(1, _NOBODY),
}


@register(TAG)
def check_limits(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every setting that is a number lies where the site still protects what it promises to."""
    return [
        Error(f"{name} must be {limits}.", hint=limits.why, id=f"{TAG}.E040")
        for name, limits in LIMITS.items()
        if getattr(settings, name) not in limits
    ]
