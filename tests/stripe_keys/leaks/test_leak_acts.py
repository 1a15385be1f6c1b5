"""Leaked keys are suspended and their merchants told: once, and only where it helps."""

import uuid
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from stripe_keys import leaks, services
from stripe_keys.leaks import Fate
from stripe_keys.models import RestrictedKey
from tests.people import a_restricted_key
from tests.stripe_keys.keys import paste
from tests.stripe_keys.leaks.desk import FOUND, act, reasons, settle, told, words_of

Status = RestrictedKey.Status


@pytest.mark.parametrize("status", [Status.PENDING, Status.ACTIVE, Status.LIMITED])
def test_suspending_tells_the_merchant_what_to_do(
    olgas_browser: Client, ada: User, key: RestrictedKey, token: str, status: str
) -> None:
    settle(key, status)

    answer = act(olgas_browser, key)

    assert f"Suspended, and the merchant is told: {key.display}." in words_of(answer)
    assert "Suspend and tell the merchant" not in words_of(answer)
    assert "The merchant was told that it has leaked." in words_of(answer)
    key.refresh_from_db()
    assert key.suspended_at is not None
    assert not key.is_usable
    assert reasons(key)[-1] == "It was found leaked, and support suspended it."
    (notice,) = told(ada)
    assert "has leaked" in notice.subject
    for said in ("suspended", "rotate the key now", "/stripe/paste/live/", "request logs"):
        assert said in notice.body
    assert token[8:] not in notice.subject + notice.body


def test_all_that_were_found_are_suspended_at_once(
    olgas_browser: Client, ada: User, eve: User, key: RestrictedKey
) -> None:
    eves = settle(paste(eve, a_restricted_key()), Status.LIMITED, stripe_account_id="acct_2")

    act(olgas_browser, key, eves)

    assert RestrictedKey.objects.filter(suspended_at=None).count() == 0
    assert [len(told(user)) for user in (ada, eve)] == [1, 1]


def test_double_click_does_it_once(olgas_browser: Client, ada: User, key: RestrictedKey) -> None:
    act(olgas_browser, key)
    lines = reasons(key)

    again = act(olgas_browser, key)

    assert f"This was done before: {key.display}." in words_of(again)
    assert reasons(key) == lines
    assert len(told(ada)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_the_desk_at_once_do_it_once(ada: User, olga: User, key: RestrictedKey) -> None:

    fates: list[Fate] = []

    def click() -> None:
        try:
            fates.append(leaks.suspend_and_tell(key=key, actor=olga, now=timezone.now()))
        finally:
            connection.close()

    clicks = [Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert sorted(fates) == [Fate.DONE] * 3 + [Fate.SUSPEND]
    assert len(told(ada)) == 1


def test_suspension_lifted_and_leaked_again_is_told_again(olga: User, ada: User, key: RestrictedKey) -> None:
    now = timezone.now()
    leaks.suspend_and_tell(key=key, actor=olga, now=now)
    services.resume(key=key, actor=olga, now=now)

    later = now + timedelta(hours=1)
    assert leaks.suspend_and_tell(key=key, actor=olga, now=later) == Fate.SUSPEND
    assert ["has leaked" in notice.subject for notice in told(ada)] == [True, False, True]


def test_key_that_was_suspended_for_another_reason_is_told_of_the_leak(
    olgas_browser: Client, olga: User, ada: User, key: RestrictedKey
) -> None:
    services.suspend(key=key, actor=olga, now=timezone.now())

    answer = act(olgas_browser, key)

    assert f"Nothing was left to suspend; the merchant is told: {key.display}." in words_of(answer)
    assert ["has leaked" in notice.subject for notice in told(ada)] == [False, True]


@pytest.mark.parametrize("status", [Status.REPLACED, Status.REMOVED])
def test_merchant_of_an_ended_key_that_may_still_work_is_told(
    olgas_browser: Client, ada: User, key: RestrictedKey, status: str
) -> None:
    settle(key, status)

    act(olgas_browser, key)
    again = act(olgas_browser, key)

    assert "This was done before" in words_of(again)
    (notice,) = told(ada)
    assert "may still work" in notice.body
    assert "suspended" not in notice.body
    assert reasons(key)[-1] == "It was found leaked, and support told the merchant."
    key.refresh_from_db()
    assert (key.status, key.suspended_at) == (status, None)


@pytest.mark.parametrize(
    ("status", "said"),
    [(Status.EXPIRED, "It has expired"), (Status.REJECTED, "It was never proven whose it is")],
)
def test_key_that_ended_meanwhile_is_said_to_have(
    olgas_browser: Client, ada: User, key: RestrictedKey, status: str, said: str
) -> None:
    settle(key, status)

    answer = act(olgas_browser, key)

    assert said in words_of(answer)
    assert told(ada) == []


def test_only_keys_that_the_page_shows_are_acted_on(olgas_browser: Client, key: RestrictedKey) -> None:
    for chosen in ("", key.pk.hex, uuid.uuid4().hex):
        answer = olgas_browser.post(f"{FOUND}?read=1", {"act": chosen}, follow=True)
        assert "No key was chosen." in words_of(answer)

    key.refresh_from_db()
    assert key.suspended_at is None
