"""When a rotated key ends, as far as Stripe tells it: what is known is never unlearned."""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import User
from stripe_keys import reports
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import AtStripe
from tests.stripe_keys.proven import proven


def rotated(key: RestrictedKey, reported_at: datetime, expires_at: datetime | None) -> None:
    """Report the key's rotation."""
    reports.key_rotated(
        stripe_account_id=key.stripe_account_id,
        livemode=key.livemode,
        stripe_key_id=key.stripe_key_id,
        new_stripe_key_id="mk_NewerNewerNewer",
        expires_at=expires_at,
        reported_at=reported_at,
        now=timezone.now(),
    )
    key.refresh_from_db()


def test_rotation_whose_end_is_not_told_keeps_the_one_that_is_known(ada: User, at_stripe: AtStripe) -> None:
    key = proven(ada, at_stripe.bound_key(ada))
    now = timezone.now()
    end = now + timedelta(days=3)
    RestrictedKey.objects.filter(pk=key.pk).update(expires_at=end)

    rotated(key, now, None)

    assert (key.rotated_at, key.successor_stripe_key_id) == (now, "mk_NewerNewerNewer")
    assert key.expires_at == end


def test_replay_of_a_rotation_brings_the_end_that_was_not_told(ada: User, at_stripe: AtStripe) -> None:
    key = proven(ada, at_stripe.bound_key(ada))
    now = timezone.now()
    end = now + timedelta(days=3)
    rotated(key, now, None)

    rotated(key, now, end)

    assert key.expires_at == end
