"""A signing secret of the tests' own, and a Stripe whose events arrive here over real HTTP."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.test import override_settings
from django.test.client import ClientHandler
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


class InHand:
    """The requests that a thread of the tests is answering."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._threads: set[int] = set()

    def begin(self, sender: object, **_: object) -> None:
        """One more, in a thread of its own, unless it is one that a test makes without a server."""
        if sender is not ClientHandler:
            with self._changed:
                self._threads.add(threading.get_ident())

    def end(self, **_: object) -> None:
        """One less; of one that was not counted nothing is known."""
        with self._changed:
            self._threads.discard(threading.get_ident())
            self._changed.notify_all()

    def are_over(self) -> bool:
        """Wait until there is none; False if that does not come."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, timeout=10)


@pytest.fixture
def in_hand() -> Iterator[InHand]:
    """What is being answered by `served`; nothing any more once the test has ended."""
    requests = InHand()
    request_started.connect(requests.begin)
    request_finished.connect(requests.end)
    yield requests
    request_started.disconnect(requests.begin)
    request_finished.disconnect(requests.end)


@pytest.fixture
def arrivals(
    at_stripe: AtStripe,  # noqa: F811
    served: str,
    in_hand: InHand,
    signing_secret: str,
    settings: Settings,
) -> Iterator[Arrivals]:
    """Stripe's deliveries to this site: of what happens from now on, and none later than this test."""
    at_stripe.admin.reset()  # an uninstall of an earlier test may be about to end
    asking.ends.forget()
    endpoints = {"we_tests_thin": "thin", "we_tests_snapshot": "snapshot"}
    for endpoint, payload in endpoints.items():
        address = f"{served}/webhooks/stripe/"
        at_stripe.admin.put_endpoint(
            endpoint, address, payload=payload, mode="both", secrets=[signing_secret]
        )
    yield Arrivals(at_stripe.admin)
    settings.STRIPE_WEBHOOK_SECRETS = []  # what comes now is refused, and what came before is stored or not
    assert in_hand.are_over()
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
