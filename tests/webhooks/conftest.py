"""A signing secret of the tests' own, and a Stripe whose events arrive here."""

import pytest
from pytest_django import Settings

from tests.people import a_signing_secret


@pytest.fixture(autouse=True)
def signing_secret(settings: Settings) -> str:
    """The one secret that deliveries are signed with, known to the site as `events`."""
    secret = a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [f"events:{secret}"]
    return secret
