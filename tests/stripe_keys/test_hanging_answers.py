"""A check of which some answers hang shows what the others have said."""

from threading import Event, Thread

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from stripe_keys import catalogue, gateway
from stripe_keys.models import PermissionCheck
from tests.people import a_restricted_key
from tests.stripe_keys.gateway.scripted_stripe import ACCOUNT, Reply, running
from tests.stripe_keys.keys import REQUIRED, bind_account, paste
from tests.stripe_keys.verdicts.verdict_words import LIST, WHOSE
from tests.waiting import eventually
from work import engine


def drain_elsewhere() -> None:
    """What a worker does, in a thread of its own."""
    engine.drain("validations")
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_what_arrived_is_written_down_while_other_answers_hang(ada: User, settings: Settings) -> None:
    slow = {catalogue.PROBES[name].path.partition("?")[0] for name in REQUIRED[-4:]}
    released = Event()

    def answer(path: str) -> Reply:
        if path.partition("?")[0] in slow:
            released.wait(30)
        return WHOSE if path == "/v1/account" else LIST

    settings.STRIPE_RATE_TEST, settings.STRIPE_TIMEOUT_SECONDS = 1e6, 30.0
    bind_account(ada, ACCOUNT)
    key = paste(ada, a_restricted_key())
    worker = Thread(target=drain_elsewhere)
    with running() as stripe:
        stripe.answer, settings.STRIPE_API_BASE = answer, stripe.base_url
        gateway.forget_connections()
        worker.start()
        try:
            eventually(lambda: PermissionCheck.objects.filter(key=key).count() == len(REQUIRED) - 4)
        finally:
            released.set()
            worker.join()
    gateway.forget_connections()

    assert PermissionCheck.objects.filter(key=key, outcome="granted").count() == len(REQUIRED)
