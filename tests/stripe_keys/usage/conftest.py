"""Ada's key, proven, and the partner's client for it."""

import pytest

from accounts.models import User
from stripe_keys.clients import StripeClient, stripe_client
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import AtStripe, StripeKey
from tests.stripe_keys.proven import proven


@pytest.fixture
def stripes_key(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key as Stripe holds it."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, stripes_key: StripeKey) -> RestrictedKey:
    """Ada's key as the site holds it."""
    return proven(ada, stripes_key)


@pytest.fixture
def client(key: RestrictedKey) -> StripeClient:
    """What the partner's engineers call Stripe with."""
    return stripe_client(merchant=key.merchant, livemode=False)
