"""A signing secret of the tests' own, and a Stripe whose events arrive here over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from stripe_keys.models import RestrictedKey
from tests.people import a_signing_secret, an_owner
from tests.stripe_keys.conftest import app_known_by_id, at_stripe  # noqa: F401  # fixtures of this folder too
from tests.stripe_keys.keys import AtStripe, StripeKey, checked, paste
from tests.webhooks.arrivals import Arrivals
from webhooks import asking


@pytest.fixture(autouse=True)
def signing_secret(settings: Settings) -> str:
    """The one secret that deliveries are signed with, known to the site as `events`."""
    secret = a_signing_secret()
    settings.STRIPE_WEBHOOK_SECRETS = [f"events:{secret}"]
    return secret


@pytest.fixture(scope="session")
def served(django_db_setup: None, empty_folder: Path) -> Iterator[str]:
    """Where a thread of the tests serves this site: one for all of them, as each takes half a second to stop.

    pytest-django's own would start before a test's settings hold, and wants files that nobody has collected.
    """
    plain = {**settings.STORAGES, "staticfiles": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    with override_settings(STORAGES=plain, STATIC_ROOT=str(empty_folder)):
        server = LiveServer("127.0.0.1")
    yield server.url
    server.stop()


@pytest.fixture
def arrivals(
    transactional_db: None,
    at_stripe: AtStripe,  # noqa: F811
    served: str,
    signing_secret: str,
) -> Iterator[Arrivals]:
    """Stripe's deliveries to this site."""
    asking.ends.forget()
    endpoints = {"we_tests_thin": "thin", "we_tests_snapshot": "snapshot"}
    for endpoint, payload in endpoints.items():
        address = f"{served}/webhooks/stripe/"
        at_stripe.admin.put_endpoint(
            endpoint, address, payload=payload, mode="both", secrets=[signing_secret]
        )
    yield Arrivals(at_stripe.admin)
    for endpoint, payload in endpoints.items():
        at_stripe.admin.put_endpoint(endpoint, served, payload=payload, disabled=True)
    at_stripe.admin.ask("DELETE", "/treatments")
    at_stripe.admin.switch(connect_fanout=True, related_object=False, api_key_write_approved=False)


@pytest.fixture
def ada(transactional_db: None) -> User:
    """Ada, in rows that are committed."""
    return an_owner("ada@example.com", "Ada's Lamps")


@pytest.fixture
def theirs(
    ada: User,
    at_stripe: AtStripe,  # noqa: F811
    arrivals: Arrivals,
) -> StripeKey:
    """Ada's key as Stripe holds it."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, theirs: StripeKey) -> RestrictedKey:
    """Ada's key as we hold it, active."""
    pasted = checked(paste(ada, theirs.token))
    assert (pasted.status, pasted.stripe_key_id) == (RestrictedKey.Status.ACTIVE, theirs.id)
    return pasted
