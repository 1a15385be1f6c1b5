"""Pasted keys and the app's own: whoever brings them, neither overwrites the other."""

import pytest
from django.utils import timezone

from stripe_keys import services
from stripe_keys.managed import arrangements
from stripe_keys.managed.arrangements import AppMakesTheKeys
from stripe_keys.models import KeyManagement, Minting, RestrictedKey, Retirement
from tests.people import merchant_of
from tests.stripe_keys.keys import LONG_AGO, checked, paste
from tests.stripe_keys.managed.conftest import Managed
from work import engine

Status = RestrictedKey.Status


def bring_own(managed: Managed) -> None:
    """As Ada does on the page."""
    arrangements.bring_own_keys(
        merchant=merchant_of(managed.ada), user=managed.ada, livemode=False, now=timezone.now()
    )


def test_no_key_is_taken_while_the_app_makes_them(managed: Managed) -> None:
    managed.choose_app()

    with pytest.raises(AppMakesTheKeys):
        paste(managed.ada, managed.at_stripe.key(managed.account).token)

    assert not RestrictedKey.objects.exists()


def test_pasted_key_serves_until_the_apps_is_proven(managed: Managed) -> None:
    pasted = checked(paste(managed.ada, managed.at_stripe.key(managed.account).token))
    managed.choose_app()
    engine.drain("mintings")

    assert managed.key() == pasted
    managed.work()

    pasted.refresh_from_db()
    assert (pasted.status, managed.key().managed_by) == (Status.REPLACED, "app")
    assert not Retirement.objects.exists()


def test_the_apps_key_serves_until_a_pasted_one_is_proven_and_then_dies_at_stripe(managed: Managed) -> None:
    managed.choose_app()
    managed.work()
    made = managed.key()
    bring_own(managed)
    managed.work()
    assert managed.key() == made

    brought = managed.at_stripe.key(managed.account)
    pasted = checked(paste(managed.ada, brought.token))
    managed.work()

    assert managed.key() == pasted
    assert managed.living_at_stripe() == {brought.id}
    assert Minting.objects.count() == 1


def test_key_of_the_app_that_does_not_serve_yet_never_takes_over_after_the_switch(managed: Managed) -> None:
    brought = managed.at_stripe.key(managed.account)
    pasted = checked(paste(managed.ada, brought.token))
    managed.choose_app()
    engine.drain("mintings")

    bring_own(managed)
    managed.work()

    assert managed.key() == pasted
    assert managed.living_at_stripe() == {brought.id}


def test_key_that_stripe_made_during_the_switch_is_ended_there(managed: Managed) -> None:
    managed.at_stripe.admin.add_fault("reset", path="/v2/iam/api_keys", method="POST", moment="after")
    managed.choose_app()
    engine.drain("mintings")
    assert len(managed.living_at_stripe()) == 1

    bring_own(managed)
    Minting.objects.update(due_at=timezone.now(), asked_at=LONG_AGO)
    managed.work()

    assert (managed.minting().outcome, managed.living_at_stripe()) == ("switched_off", set())
    assert not RestrictedKey.objects.exists()


def test_removing_the_apps_key_makes_no_other_one(managed: Managed) -> None:
    managed.choose_app()
    managed.work()
    key = managed.key()

    services.remove(key=key, user=managed.ada, now=timezone.now())
    managed.work()

    assert not KeyManagement.objects.get().is_on
    assert (Minting.objects.count(), managed.living_at_stripe()) == (1, set())
    said = key.status_changes.values_list("reason", flat=True)
    assert "The app makes no other key in its place." in said


def test_removing_the_apps_key_gives_up_the_one_that_was_to_follow(managed: Managed) -> None:
    management = managed.choose_app()
    managed.work()
    arrangements.renew(management=management, user=managed.ada, now=timezone.now())
    engine.drain("mintings")
    assert RestrictedKey.objects.filter(status=Status.PENDING).exists()

    services.remove(key=managed.key(), user=managed.ada, now=timezone.now())
    managed.work()

    assert not RestrictedKey.objects.kept().exists()
    assert managed.living_at_stripe() == set()


def test_nobody_is_asked_for_the_account_on_which_the_app_made_the_key(managed: Managed) -> None:
    managed.at_stripe.admin.switch(account_gate="closed", error_wording="vague")
    try:
        managed.choose_app()
        managed.work()
    finally:
        managed.at_stripe.admin.switch(account_gate="either")

    key = RestrictedKey.objects.get()
    assert not key.awaits_account_id
    assert (key.stripe_account_id, key.is_usable) == (managed.account, True)
