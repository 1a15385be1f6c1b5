"""A merchant's pace says nothing of keys that are not proven to be theirs."""

import pytest

from accounts.models import User
from stripe_keys import incidents
from stripe_keys.models import AccountPace, RestrictedKey, StripeIncident
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.fleet import make_due
from tests.stripe_keys.keys import AtStripe, bind_account, paste
from work import engine


def a_useless_key(at_stripe: AtStripe, user: User, why: str) -> RestrictedKey:
    """A key of no use to `user`, pasted by them."""
    bind_account(user, "acct_1OwnAccount0000")
    if why == "unknown to Stripe":
        return paste(user, a_restricted_key())
    foreign = at_stripe.key()
    if why == "expired":
        at_stripe.admin.expire_key(foreign.id, lag=0)
    elif why == "throttled":
        at_stripe.admin.add_fault("rate_limit", key=foreign.id, times=None)
    elif why == "unanswered":
        at_stripe.admin.add_fault("error", key=foreign.id, status=503, times=None)
    return paste(user, foreign.token)


@pytest.mark.parametrize(
    "why", ["unknown to Stripe", "expired", "of another account", "throttled", "unanswered"]
)
def test_the_pace_stays_as_it_was_whatever_stripe_says_of_a_stolen_key(
    at_stripe: AtStripe, eve: User, why: str
) -> None:
    incidents.begin(StripeIncident.Kind.REFUSALS, "3 of 3")
    key = a_useless_key(at_stripe, eve, why)
    AccountPace.objects.update_or_create(merchant=merchant_of(eve), livemode=False, defaults={"troubles": 2})

    for _ in range(2):
        make_due([key])
        engine.drain("validations")

    key.refresh_from_db()
    assert key.status == "pending"
    assert AccountPace.objects.get(merchant=merchant_of(eve)).troubles == 2


def test_the_pace_is_learnt_from_a_key_that_is_theirs(at_stripe: AtStripe, eve: User) -> None:
    AccountPace.objects.create(merchant=merchant_of(eve), livemode=False, troubles=2)

    paste(eve, at_stripe.bound_key(eve).token)
    AccountPace.objects.update(troubles=2)
    engine.drain("validations")

    assert AccountPace.objects.get(merchant=merchant_of(eve)).troubles == 0
