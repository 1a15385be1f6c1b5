"""Events that wait for Stripe's answers hold nothing that others need."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from tests.pool import connections_in_the_pool
from tests.stripe_keys.keys import AtStripe, bind_account
from tests.webhooks.arrivals import Arrivals
from tests.webhooks.deliveries import a_notification, a_snapshot, an_account_id, deliver_event
from webhooks.models import EventNotification
from work import engine

WAITING = 16


def drain(lane: str) -> None:
    """Work on the events of a lane, as one thread of a worker does."""
    try:
        engine.drain("events", lane)
    finally:
        connection.close()


@pytest.mark.usefixtures("app_known_by_id")
def test_events_that_wait_for_stripe_leave_the_database_to_others(
    ada: User, at_stripe: AtStripe, arrivals: Arrivals, settings: Settings
) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = 1000, 1
    accounts = [an_account_id() for _ in range(WAITING)]
    for number, account in enumerate(accounts):
        bind_account(ada, account)
        told = a_snapshot(account=account) if number % 2 else a_notification(context=account)
        assert deliver_event(told).status_code == 200
    for path in ("/v2/core/events", "/v1/apps/installs"):  # longer than anybody waits for a connection
        at_stripe.admin.add_fault("hang", path=path, times=None, seconds=5)

    with connections_in_the_pool(3, waits=4.0), ThreadPoolExecutor(WAITING) as threads:
        for account in accounts:
            threads.submit(drain, account)

    assert not EventNotification.objects.filter(fence=0).exists(), "each thread has found a connection"
