"""The app makes a key for each purpose that it is chosen for, with what that needs and no more."""

from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from stripe_keys.managed import arrangements, schedule
from stripe_keys.models import KeyManagement, Minting, RestrictedKey
from tests.people import a_client_of, merchant_of
from tests.stripe_keys.managed.conftest import Managed
from tests.stripe_keys.purposes import BILLING, ask_for_two_keys


@pytest.fixture
def browser(managed: Managed, settings: Settings, tmp_path: Path) -> Client:
    """Ada's, where an app asks for two keys and may make them."""
    ask_for_two_keys(settings, tmp_path)
    return a_client_of(managed.ada)


def test_the_app_makes_the_key_of_one_purpose_alone(managed: Managed, browser: Client) -> None:
    assert browser.get("/stripe/managed/test/billing/on/").status_code == 200
    chosen = browser.post("/stripe/managed/test/billing/on/")
    managed.work()

    key = managed.key()
    assert chosen["Location"] == "/stripe/managed/test/billing/"
    assert (key.purpose, key.status) == ("billing", "active")
    made = managed.at_stripe.admin.key(key.stripe_key_id)
    assert sorted(made["permissions"]) == sorted(BILLING)
    assert not KeyManagement.objects.filter(purpose="default").exists()
    assert browser.get("/stripe/paste/test/").content.count(b"rk_test_"), "the other key is pasted as ever"
    assert b"The app makes this key" in browser.get("/stripe/paste/test/billing/").content


def test_a_new_key_of_a_purpose_is_asked_for_on_its_page(managed: Managed, browser: Client) -> None:
    browser.post("/stripe/managed/test/billing/on/")
    managed.work()
    first = managed.key()

    browser.post("/stripe/managed/test/billing/renew/")
    managed.work()

    assert managed.key().pk != first.pk
    assert set(RestrictedKey.objects.values_list("purpose", flat=True)) == {"billing"}


def test_no_key_is_made_for_a_purpose_that_was_given_up(
    managed: Managed, browser: Client, settings: Settings
) -> None:
    browser.post("/stripe/managed/test/billing/on/")
    managed.work()
    KeyManagement.objects.update(next_rotation_at=timezone.now())
    settings.KEY_PURPOSES = []

    schedule.plan()
    with pytest.raises(arrangements.NotPossibleNow):
        arrangements.renew(management=KeyManagement.objects.get(), user=managed.ada, now=timezone.now())
    with pytest.raises(arrangements.NotOffered):
        arrangements.let_app_manage(
            merchant=merchant_of(managed.ada),
            user=managed.ada,
            livemode=False,
            now=timezone.now(),
            purpose="billing",
        )

    assert Minting.objects.count() == 1
    assert managed.key().purpose == "billing", "the one that is there serves on"


def test_screens_speak_of_the_keys_of_their_purpose_alone(managed: Managed, browser: Client) -> None:
    page = "/stripe/managed/test/billing/"

    on = unescape(browser.get(f"{page}on/").content.decode())
    chosen = unescape(browser.post(f"{page}on/", follow=True).content.decode())
    off = unescape(browser.get(f"{page}off/").content.decode())
    own = unescape(browser.post(f"{page}off/", follow=True).content.decode())

    assert "no key for Billing & books can be pasted in test mode" in on
    assert "renews the test keys for Billing & books from now on" in chosen
    assert "The app makes no key for Billing & books any more." in off
    assert "No test key for Billing & books is in use" in off
    assert "You bring the test keys for Billing & books yourself from now on." in own
