"""Keys of Ada's at Stripe and here, for the tests of this folder."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from stripe_keys import installs, permissions, services, tasks
from stripe_keys.models import RestrictedKey, StripeInstall, Validation
from stripe_keys.secret import Secret
from tests.people import merchant_of
from tests.simulator import SimulatorProcess
from work import engine
from work.models import DueRow

REQUIRED = [one.permission for one in permissions.required()]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def bind_account(user: User, stripe_account_id: str, *, livemode: bool = False) -> StripeInstall:
    """Bind an account to the user's merchant, as a signed return does."""
    return installs.bind(
        merchant=merchant_of(user),
        stripe_account_id=stripe_account_id,
        livemode=livemode,
        proof=StripeInstall.Proof.SIGNED_RETURN,
        now=LONG_AGO,
    )


def paste(user: User, token: str, **more: Any) -> RestrictedKey:
    """Paste a key as the page does, and return its row."""
    return services.add_key(
        merchant=merchant_of(user), user=user, secret=Secret(token), now=timezone.now(), **more
    ).key


def checked(key: RestrictedKey) -> RestrictedKey:
    """Let a worker do everything that is due, and return the key as it is then."""
    engine.drain("validations")
    key.refresh_from_db()
    return key


def check_again(key: RestrictedKey) -> RestrictedKey:
    """A regular check, due now, done."""
    RestrictedKey.objects.filter(pk=key.pk).update(next_check_at=timezone.now())
    Validation.objects.filter(key=key, state=DueRow.State.WAITING).delete()
    tasks.plan_due_checks()
    Validation.objects.filter(key=key, state=DueRow.State.WAITING).update(due_at=timezone.now())
    return checked(key)


def all_but(*names: str) -> list[str]:
    """The manifest's permissions without some."""
    return [name for name in REQUIRED if name not in names]


@dataclass(frozen=True)
class StripeKey:
    """A key as Stripe holds it."""

    account: str
    id: str
    token: str


class AtStripe:
    """What happens on Stripe's side, in the simulator."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self.admin = simulator.admin

    def key(self, account: str = "", **more: Any) -> StripeKey:
        """A new restricted key, of a new account unless one is named, with the app installed on it."""
        if not account:
            account = self.admin.create_account()
            self.admin.create_install(account, livemode=bool(more.get("livemode")))
        made = self.admin.create_key(account, **more)
        return StripeKey(account, str(made["id"]), str(made["token"]))

    def bound_key(self, user: User, **more: Any) -> StripeKey:
        """A new key of a new account that is bound to the user's merchant."""
        key = self.key(**more)
        bind_account(user, key.account, livemode=bool(more.get("livemode")))
        return key
