"""A key of which Stripe reports all day is not checked all day: its merchant pays for each check out of their limit."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import reports
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.stripe_keys.proven import proven


@pytest.fixture
def theirs(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key at Stripe."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, theirs: StripeKey, settings: Settings) -> RestrictedKey:
    """The same key here, proven this moment, and to be left alone for a minute."""
    settings.KEY_EVENT_SPACING_SECONDS = 60
    return proven(ada, theirs)


def renamed(theirs: StripeKey) -> int:
    """Report that the key got another name."""
    return reports.key_changed(
        stripe_account_id=theirs.account,
        livemode=False,
        stripe_key_id=theirs.id,
        what="It got another name.",
        new_rights=False,
        now=timezone.now(),
    )


def waiting(key: RestrictedKey) -> list[Validation]:
    """The checks of it that wait."""
    return list(Validation.objects.checks().filter(key=key, state=Validation.State.WAITING))


def test_many_changes_right_after_a_check_lead_to_one_later_check(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    assert key.last_checked_at is not None

    for _ in range(5):
        assert renamed(theirs) == 1

    assert [check.due_at for check in waiting(key)] == [key.last_checked_at + timedelta(seconds=60)]


def test_change_long_after_a_check_is_looked_at_now(key: RestrictedKey, theirs: StripeKey) -> None:
    RestrictedKey.objects.update(last_checked_at=timezone.now() - timedelta(seconds=61))

    renamed(theirs)

    assert [check.due_at <= timezone.now() for check in waiting(key)] == [True]


def test_check_by_a_clock_that_goes_fast_delays_nothing_for_longer(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    RestrictedKey.objects.update(last_checked_at=timezone.now() + timedelta(hours=1))

    renamed(theirs)

    assert waiting(key)[0].due_at <= timezone.now() + timedelta(seconds=60)


def test_end_of_a_key_does_not_wait(key: RestrictedKey, theirs: StripeKey) -> None:
    renamed(theirs)

    reports.key_expired(
        stripe_account_id=theirs.account, livemode=False, stripe_key_id=theirs.id, now=timezone.now()
    )

    assert waiting(key)[0].due_at <= timezone.now()


def test_rotation_does_not_wait(key: RestrictedKey, theirs: StripeKey) -> None:
    now = timezone.now()

    reports.key_rotated(
        stripe_account_id=theirs.account,
        livemode=False,
        stripe_key_id=theirs.id,
        new_stripe_key_id="mk_1Successor",
        expires_at=None,
        reported_at=now,
        now=now,
    )

    assert waiting(key)[0].due_at <= timezone.now()
