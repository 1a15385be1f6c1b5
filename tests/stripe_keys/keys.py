"""Keys of Ada's at Stripe and here, for the tests of this folder."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from stripe_keys import installs, services
from stripe_keys.models import RestrictedKey, StripeInstall
from stripe_keys.secret import Secret
from tests.people import merchant_of
from work import engine

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
