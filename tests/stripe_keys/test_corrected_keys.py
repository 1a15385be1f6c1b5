"""A merchant who puts a key right need not wait for what was wrong with the one before."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from stripe_keys import pace, services
from stripe_keys.models import AccountPace, RestrictedKey, Validation
from tests.stripe_keys.keys import AtStripe, StripeKey, check_again, checked, paste

Status = RestrictedKey.Status


def left_alone(user: User, at_stripe: AtStripe, stripe_key: StripeKey) -> RestrictedKey:
    """A key in use about which Stripe failed so often that the account is left alone."""
    key = checked(paste(user, stripe_key.token))
    at_stripe.admin.add_fault("error", key=stripe_key.id, path="/v1/account$", status=503, times=3)
    check_again(key)
    for _ in range(3):
        Validation.objects.update(due_at=timezone.now())
        checked(key)
    assert Validation.objects.checks().get(key=key, state="waiting").problem == "BreakerOpen"
    return key


def test_key_pasted_in_place_of_one_in_trouble_is_checked_at_once(ada: User, at_stripe: AtStripe) -> None:
    stripe_key = at_stripe.bound_key(ada)
    left_alone(ada, at_stripe, stripe_key)
    corrected = at_stripe.key(stripe_key.account)

    key = checked(paste(ada, corrected.token))

    assert (key.status, key.consecutive_failures, key.last_problem) == (Status.ACTIVE, 0, "")
    assert not AccountPace.objects.filter(troubles__gt=0).exists()


def test_check_that_a_person_asks_for_is_not_held_up_by_troubles_before(
    ada: User, at_stripe: AtStripe
) -> None:
    stripe_key = at_stripe.bound_key(ada)
    key = left_alone(ada, at_stripe, stripe_key)

    services.revalidate(key=key, user=ada, now=timezone.now() + timedelta(minutes=1))
    Validation.objects.filter(key=key, state="waiting").update(due_at=timezone.now())

    assert checked(key).status == Status.ACTIVE
    assert pace.closed_until(key, timezone.now()) is None
