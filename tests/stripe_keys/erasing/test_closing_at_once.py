"""Closing an account while others paste, check, connect and close: nothing slips through and nothing fails."""

from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Notice, User
from accounts.services import MerchantIsClosed
from stripe_keys import installs, reports, services
from stripe_keys.models import (
    KeyUse,
    RestrictedKey,
    Validation,
)
from tests import people
from tests.locks import somebody_waits
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.erasing.closings import ACCOUNT, CLOSE, close, stored_of
from tests.stripe_keys.keys import AtStripe, bind_account, paste
from tests.stripe_keys.rows import a_key
from tests.stripe_keys.test_turns import cross
from tests.waiting import eventually
from work import engine

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(*commands: Any) -> list[object]:
    """What each of these, begun together, returned or raised."""
    outcomes: list[object] = [None] * len(commands)

    def run(number: int) -> None:
        try:
            outcomes[number] = commands[number]()
        except Exception as problem:
            outcomes[number] = problem
        finally:
            connection.close()

    threads = [Thread(target=run, args=[number]) for number in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_pastes_and_the_closing_at_once_leave_nothing_and_no_page_fails(ada: User, ben: User) -> None:
    paste(ada, a_restricted_key())
    browsers = [people.a_client_of(ben) for _ in range(3)]
    tokens = [a_restricted_key() for _ in browsers]

    def pasting(browser: Client, token: str) -> Any:
        return lambda: browser.post("/stripe/paste/test/", {"key": token})

    owner = people.a_client_of(ada)
    outcomes: list[Any] = in_threads(
        *map(pasting, browsers, tokens), lambda: owner.post(CLOSE, {"name": "Ada's Lamps"})
    )

    assert [outcome.status_code for outcome in outcomes if outcome.status_code not in (302, 303)] == []
    assert stored_of(merchant_of(ada)) == (0, 0, 0)
    assert set(RestrictedKey.objects.values_list("status", flat=True)) == {"removed"}


def test_a_paste_that_comes_too_late_is_told_so(ada: User, ben: User) -> None:
    browser = people.a_client_of(ben)
    answers: list[Any] = []

    cross(
        lambda: close(ada),
        lambda: answers.append(browser.post("/stripe/paste/test/", {"key": a_restricted_key()}, follow=True)),
        lambda: None,
    )

    assert "was not stored" in answers[0].content.decode()
    assert not RestrictedKey.objects.exists()


def test_a_check_in_flight_neither_fails_nor_brings_the_key_back(ada: User, at_stripe: AtStripe) -> None:
    key = paste(ada, at_stripe.bound_key(ada).token)
    worker = Thread(target=drained)

    try:
        with transaction.atomic():  # until the account is closed, the worker cannot write what Stripe said
            RestrictedKey.objects.select_for_update(no_key=True).get(pk=key.pk)
            worker.start()
            eventually(somebody_waits)
            assert KeyUse.objects.exists()
            close(ada)
    finally:
        worker.join()

    check = Validation.objects.get()
    key.refresh_from_db()
    assert (check.state, check.verdict, check.problem) == ("done", "moot", "")
    assert key.status == "removed"
    assert stored_of(merchant_of(ada)) == (0, 0, 0)


def drained() -> None:
    """What a worker does."""
    try:
        engine.drain("validations")
    finally:
        connection.close()


def test_installs_confirmations_and_reports_at_once_leave_nothing(ada: User) -> None:
    bind_account(ada, ACCOUNT)
    asked = a_key(ada, "pending", stripe_account_id="acct_1Asked00000000", awaits_account_confirmation=True)
    now = timezone.now()

    outcomes = in_threads(
        lambda: close(ada),
        lambda: bind_account(ada, "acct_1Another0000000", livemode=True),
        lambda: installs.confirm_account(key=asked, user=ada, now=now),
        lambda: reports.account_changed(stripe_account_id=ACCOUNT, livemode=False, now=now),
        lambda: services.remove(key=asked, user=ada, now=now),
    )

    expected = (installs.InstallRefused, services.NotPossibleNow)
    assert [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Exception) and not isinstance(outcome, expected)
    ] == []
    assert outcomes[0] in (0, 1)
    assert stored_of(merchant_of(ada)) == (0, 0, 0)
    assert not Validation.objects.filter(state="waiting").exists()


def test_the_page_of_an_owner_who_comes_second_leads_to_the_proof_too(ada: User) -> None:
    browser = people.a_client_of(ada)
    answers: list[Any] = []

    cross(
        lambda: close(ada),
        lambda: answers.append(browser.post(CLOSE, {"name": "Ada's Lamps"}, follow=True)),
        lambda: None,
    )

    assert "had been closed already" in answers[0].content.decode()


def test_two_owners_close_at_once_and_one_comes_second(ada: User) -> None:
    carla = people.a_colleague("carla@example.com", ada)
    carla.membership.role = "owner"
    carla.membership.save()
    paste(ada, a_restricted_key())

    outcomes = in_threads(lambda: close(ada), lambda: close(carla))

    assert sorted(map(type, outcomes), key=str) == sorted([int, MerchantIsClosed], key=str)
    assert Notice.objects.filter(merchant=merchant_of(ada)).count() == 1
