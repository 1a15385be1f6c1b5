"""What goes wrong late, or twice: a new key of no use, an id that comes again, a dead row that is tried again."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Merchant
from accounts.services import MerchantIsClosed
from stripe_keys import retirement_rows, services
from stripe_keys.gateway import key_endpoint
from stripe_keys.gateway.app_answers import StripeUnavailable
from stripe_keys.managed import minting_ends, publishing, schedule
from stripe_keys.models import KeyManagement, Minting, PublishableKey, RestrictedKey, Retirement
from stripe_keys.tasks import MINTINGS
from tests.people import a_restricted_key
from tests.stripe_keys.gateway import scripted_stripe
from tests.stripe_keys.gateway.scripted_stripe import ACCOUNT, saying
from tests.stripe_keys.keys import bind_account, checked, paste
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.managed.moments import fall_due, rotate
from work import engine
from work.engine import revive

SOON = timedelta(minutes=20)


def is_tried_again_soon() -> bool:
    """Whether the next key is made long before Stripe ends the old one."""
    at = KeyManagement.objects.get().next_rotation_at
    return at is not None and at < timezone.now() + SOON


def test_useless_key_of_a_rotation_is_followed_before_the_old_one_ends(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    fall_due()
    schedule.plan()
    engine.drain("mintings")
    managed.at_stripe.admin.expire_key(managed.minting().stripe_key_id, lag=0)
    managed.work()
    assert managed.key() == key
    assert is_tried_again_soon()

    rotate(managed)

    assert managed.minting().how == "create", "Stripe rotates a key once"
    assert managed.key().pk != key.pk


def test_rotation_whose_answer_is_not_taken_is_followed_before_the_old_one_ends(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    managed.at_stripe.admin.switch(encrypts_in_test_mode=True, delivery="truncated")

    rotate(managed)

    assert managed.minting().outcome == "not_opened"
    assert is_tried_again_soon()


def test_key_that_is_kept_is_not_ended_whoever_asks(managed: Managed, key: RestrictedKey) -> None:
    is_taken = retirement_rows.retire_by_id(
        stripe_key_id=key.stripe_key_id,
        stripe_account_id=managed.account,
        livemode=False,
        merchant_id=key.merchant_id,
        cause=Retirement.Cause.UNOPENED,
    )

    managed.work()
    assert not is_taken
    assert managed.living_at_stripe() == {key.stripe_key_id}


def test_key_whose_id_was_thought_to_have_ended_is_ended_when_it_is_removed(
    managed: Managed, key: RestrictedKey
) -> None:
    Retirement.objects.create(
        lane=str(key.merchant_id),
        merchant_id=key.merchant_id,
        stripe_account_id=managed.account,
        livemode=False,
        stripe_key_id=key.stripe_key_id,
        cause="orphaned",
        state="done",
        finished_at=timezone.now(),
    )

    services.remove(key=key, user=managed.ada, now=timezone.now())
    managed.work()

    assert managed.living_at_stripe() == set()
    assert Retirement.objects.values_list("key", "cause", "outcome").get() == (key.pk, "removed", "refused")


@pytest.mark.parametrize("said", [{}, {"status": "rotating"}, {"status": None}], ids=["none", "odd", "null"])
def test_only_stripes_word_that_a_key_has_expired_says_so(
    settings: Settings, said: dict[str, object]
) -> None:
    settings.STRIPE_PLATFORM_KEY_TEST = a_restricted_key()
    with scripted_stripe.running() as stripe:
        settings.STRIPE_API_BASE, stripe.answer = stripe.base_url, lambda _: saying({"id": "mk_1"} | said)

        assert not key_endpoint.has_ended("mk_1", livemode=False, context=ACCOUNT)

        stripe.answer = lambda _: saying({"id": "mk_1", "status": "expired"})
        assert key_endpoint.has_ended("mk_1", livemode=False, context=ACCOUNT)


@pytest.mark.parametrize("is_given_up", [False, True], ids=["ends", "dies-again"])
def test_dead_row_that_is_tried_again_says_nothing_of_a_place_that_is_well(
    managed: Managed, is_given_up: bool
) -> None:
    managed.choose_app()
    dead = managed.minting()
    Minting.objects.update(state="dead", created_at=timezone.now() - timedelta(days=8))
    managed.choose_app()
    managed.work()
    before = KeyManagement.objects.get().next_rotation_at
    dead.refresh_from_db()

    assert revive(dead)
    if is_given_up:
        minting_ends.gave_up(dead)
    else:
        managed.work()

    place = KeyManagement.objects.get()
    assert (place.problem, place.next_rotation_at) == ("", before)
    assert len(managed.living_at_stripe()) == 1


def test_app_that_is_chosen_again_while_a_row_ends_makes_a_key_at_once(managed: Managed) -> None:
    management = managed.choose_app()
    (row,) = engine.claim(MINTINGS)

    minting_ends.end(row, management, "switched_off")

    assert KeyManagement.objects.get().problem == ""
    schedule.plan()
    managed.work()
    assert managed.key().is_app_managed


def test_rotation_of_a_key_that_has_ended_meanwhile_makes_one_beside_it(
    managed: Managed, key: RestrictedKey, settings: Settings
) -> None:
    settings.MANAGED_KEY_ROTATION = "rotate"
    fall_due()
    schedule.plan()
    managed.at_stripe.admin.expire_key(key.stripe_key_id, lag=0)
    RestrictedKey.objects.update(status="expired")

    managed.work()

    assert (managed.minting().how, managed.minting().outcome) == ("create", "made")
    assert managed.living_at_stripe() == {managed.key().stripe_key_id}


def test_of_two_connected_accounts_that_of_the_key_in_use_gets_the_new_key(managed: Managed) -> None:
    second = managed.at_stripe.admin.create_account()
    managed.at_stripe.admin.create_install(second)
    bind_account(managed.ada, second)
    pasted = checked(paste(managed.ada, managed.at_stripe.key(second).token))

    managed.choose_app()
    managed.work()

    assert managed.key().pk != pasted.pk
    assert managed.key().stripe_account_id == second


def test_merchant_who_closes_while_the_publishable_key_is_made_keeps_none(
    managed: Managed, key: RestrictedKey
) -> None:
    (place,) = KeyManagement.objects.all()
    Merchant.objects.update(closed_at=timezone.now())

    with pytest.raises(MerchantIsClosed):
        publishing._publish(place)

    assert not PublishableKey.objects.exists()


def test_list_whose_pages_come_slowly_is_given_up(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_endpoint, "_PAGE", 1)
    monkeypatch.setattr(key_endpoint, "_MOST_SECONDS", -1.0)
    for _ in range(2):
        managed.at_stripe.admin.create_key(managed.account, livemode=False)

    with pytest.raises(StripeUnavailable, match="too long"):
        list(key_endpoint.keys_of(livemode=False, context=managed.account))
