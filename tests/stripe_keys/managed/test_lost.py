"""A key is made exactly once, whatever is lost on the way: answers, workers, leases, and what Stripe remembers."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import gateway
from stripe_keys.gateway import StripeUnavailable
from stripe_keys.managed import arrangements, minting
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from stripe_keys.tasks import MINTINGS
from tests.people import merchant_of
from tests.stripe_keys.keys import LONG_AGO, bind_account, paste
from tests.stripe_keys.managed.conftest import Managed
from tests.waiting import eventually
from work import engine
from work.queues import LostLease

PATH = "/v2/iam/api_keys"
LIVEMODE = True  # where a key comes encrypted; test mode has its own tests here


def lose_the_answer(managed: Managed, kind: str = "reset", **more: object) -> None:
    """The next call for a key has its effect, and its answer does not arrive whole."""
    managed.at_stripe.admin.add_fault(kind, path=PATH, method="POST", moment="after", **more)


def asked_by_now(managed: Managed) -> list[str]:
    """What Stripe has been asked once workers have tried again."""
    managed.work_later()
    return managed.asked()


def claimed() -> Minting:
    """The minting, as the next worker gets it."""
    Minting.objects.filter(state="waiting").update(due_at=Now())
    return engine.claim(MINTINGS)[0]


def taken_over() -> Minting:
    """The minting, as another worker gets it once the lease has run out."""
    Minting.objects.filter(state="claimed").update(lease_until=LONG_AGO, attempts=1)
    return claimed()


def expect_one_key(managed: Managed) -> None:
    """One key at Stripe, which is the one that serves here, and no more was ever made."""
    managed.work_later()
    assert managed.living_at_stripe() == {managed.key().stripe_key_id}
    assert len(managed.at_stripe.admin.keys(managed.account)) == 1


@pytest.mark.parametrize("kind", ["reset", "error", "truncated", "invalid_json", "html"])
def test_lost_answer_leads_to_the_same_key(managed: Managed, kind: str) -> None:
    lose_the_answer(managed, kind)
    managed.choose_app()
    managed.work()
    assert managed.minting().state == "waiting"

    expect_one_key(managed)

    assert managed.asked() == ["POST", "POST"]


@pytest.mark.usefixtures("brief_patience")
def test_answer_that_does_not_come_in_time_leads_to_the_same_key(
    managed: Managed, settings: Settings
) -> None:
    lose_the_answer(managed, "hang")
    managed.choose_app()
    # So little patience may not last for the questions before it either.
    eventually(lambda: asked_by_now(managed))
    assert managed.minting().state == "waiting"

    settings.STRIPE_TIMEOUT_SECONDS = 10
    gateway.forget_connections()

    expect_one_key(managed)


def test_worker_that_died_in_the_call_is_followed_by_one_that_repeats_it(managed: Managed) -> None:
    managed.choose_app()
    lose_the_answer(managed)
    engine.drain("mintings")
    first_body = managed.minting().body
    assert len(managed.living_at_stripe()) == 1

    minting.process(claimed())

    assert managed.minting().body == first_body
    expect_one_key(managed)


def test_worker_that_lost_its_row_asks_stripe_for_nothing(managed: Managed) -> None:
    managed.at_stripe.admin.add_fault("reset", path=PATH)
    managed.choose_app()
    managed.work()
    late = claimed()
    minting.process(taken_over())
    managed.work()
    asked = managed.asked()

    with pytest.raises(LostLease):
        minting.process(late)

    assert managed.asked() == asked
    expect_one_key(managed)


def test_two_workers_in_the_call_at_once_get_one_key(managed: Managed) -> None:
    managed.choose_app()
    managed.at_stripe.admin.add_fault("slow", path=PATH, method="POST", seconds=3600)
    late = claimed()

    def call_late() -> None:
        with pytest.raises(LostLease):
            minting.process(late)
        connection.close()

    first = Thread(target=call_late)
    first.start()
    eventually(managed.asked)
    second = taken_over()
    with pytest.raises(StripeUnavailable):
        minting.process(second)  # 409: Stripe is still at the first call
    managed.at_stripe.admin.clear_faults()
    first.join()
    engine.fail(MINTINGS, second, "StripeUnavailable")

    expect_one_key(managed)
    assert managed.asked() == ["POST", "POST", "POST"]


def test_what_stripe_has_forgotten_is_not_repeated_but_looked_for(
    managed: Managed, time_passes: Callable[[timedelta], None]
) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    (lost,) = managed.living_at_stripe()
    time_passes(timedelta(days=31))
    Minting.objects.update(asked_at=timezone.now() - timedelta(hours=21))

    managed.work_later()

    assert (managed.minting().outcome, managed.asked().count("POST")) == ("stripe_away", 2)
    assert Retirement.objects.get().stripe_key_id == lost
    assert managed.living_at_stripe() == set()


def test_call_that_may_be_under_way_is_waited_for_before_anybody_looks(managed: Managed) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    KeyManagement.objects.update(is_on=False)

    managed.work_later()

    assert (managed.minting().state, managed.minting().problem) == ("waiting", "MayStillBeMade")


def test_key_of_an_account_that_was_left_is_ended_there(managed: Managed) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    other = managed.at_stripe.admin.create_account()
    managed.at_stripe.admin.create_install(other, livemode=True)
    arrangements.bring_own_keys(
        merchant=merchant_of(managed.ada), user=managed.ada, livemode=True, now=timezone.now()
    )
    merchant_of(managed.ada).stripe_installs.update(status="uninstalled", uninstalled_at=timezone.now())
    bind_account(managed.ada, other, livemode=True)
    managed.choose_app()
    Minting.objects.update(asked_at=LONG_AGO + timedelta(days=1))

    managed.work_later()

    assert managed.minting().outcome == "another_account"
    assert managed.living_at_stripe() == set()
    assert managed.asked() == ["POST", "GET", "POST", "GET"]  # made, listed, ended, seen to have ended


def test_first_call_that_is_refused_leaves_nothing_to_look_for(managed: Managed) -> None:
    managed.at_stripe.admin.switch(api_key_write_approved=False)
    managed.choose_app()

    managed.work()

    assert (managed.minting().outcome, managed.asked()) == ("not_approved", ["POST"])


def test_refusal_of_a_repeated_call_has_the_first_ones_key_looked_for(managed: Managed) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    another = {**managed.minting().body, "permissions": ["customer_read"]}
    Minting.objects.update(asked_at=timezone.now() - timedelta(minutes=5), body=another)

    managed.work_later()

    assert (managed.minting().outcome, managed.living_at_stripe()) == ("refused", set())


def test_copy_that_the_merchant_made_of_a_lost_key_is_theirs(managed: Managed) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    name = managed.minting().body["name"]
    copy = managed.at_stripe.admin.create_key(managed.account, livemode=True, name=name)
    KeyManagement.objects.update(is_on=False)
    Minting.objects.update(asked_at=LONG_AGO)

    managed.work_later()

    assert managed.living_at_stripe() == {copy["id"]}


@pytest.mark.parametrize("livemode", [False])
def test_key_that_came_in_the_clear_waits_encrypted(managed: Managed) -> None:
    managed.choose_app()
    row = claimed()
    minting._ask(row, KeyManagement.objects.get())

    row.refresh_from_db()
    assert row.delivered.startswith("site:")
    assert managed.token_at_stripe()[8:] not in row.delivered
    minting.process(taken_over())

    expect_one_key(managed)
    assert managed.asked() == ["POST"]


def test_key_that_is_kept_here_already_ends_the_minting_and_goes_on(managed: Managed) -> None:
    managed.choose_app()
    minting._ask(claimed(), KeyManagement.objects.get())
    as_it_was = Minting.objects.values("stripe_key_id", "delivered", "delivery_key").get()
    Minting.objects.update(state="waiting", lease_until=None)
    managed.work_later()
    before = managed.key()
    # As after a restore of that row alone.
    Minting.objects.update(state="waiting", key=None, finished_at=None, **as_it_was)

    managed.work_later()

    assert managed.minting().outcome == "known_already"
    assert (managed.key(), RestrictedKey.objects.count()) == (before, 1)
    assert managed.living_at_stripe() == {before.stripe_key_id}


def test_key_that_another_merchant_has_is_not_taken(managed: Managed, eve: User) -> None:
    managed.choose_app()
    row = claimed()
    minting._ask(row, KeyManagement.objects.get())
    paste(eve, managed.token_at_stripe())
    Minting.objects.update(state="waiting", lease_until=None)

    managed.work_later()

    assert managed.minting().outcome == "wrong_key"
    assert managed.living_at_stripe() == set()
    assert not RestrictedKey.objects.usable().exists()


def test_key_on_an_account_that_is_anothers_by_now_is_left_alone(managed: Managed, eve: User) -> None:
    lose_the_answer(managed)
    managed.choose_app()
    managed.work()
    made = managed.living_at_stripe()
    KeyManagement.objects.update(is_on=False)
    merchant_of(managed.ada).stripe_installs.update(status="uninstalled", uninstalled_at=timezone.now())
    bind_account(eve, managed.account, livemode=True)
    Minting.objects.update(asked_at=LONG_AGO)

    managed.work_later()

    assert (managed.minting().outcome, managed.asked()) == ("switched_off", ["POST"])
    assert managed.living_at_stripe() == made
