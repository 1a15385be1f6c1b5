"""Ops see what the app makes and ends, have a new key made, and have a dead row tried again."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from stripe_keys import managed_problems, services
from stripe_keys.models import KeyManagement, Minting, Retirement
from tests.people import some_letters
from tests.stripe_keys.managed.conftest import Managed

MANAGEMENTS = "admin:stripe_keys_keymanagement_changelist"
RETIREMENTS = "admin:stripe_keys_retirement_changelist"


@pytest.fixture
def management(managed: Managed) -> KeyManagement:
    """The app has made a key."""
    management = managed.choose_app()
    managed.work()
    return management


def act(browser: Client, page: str, action: str, pk: object, **more: str) -> str:
    """Choose a row and an action in a list, as its form does."""
    posted = {"action": action, "_selected_action": str(pk), **more}
    return browser.post(reverse(page), posted, follow=True).content.decode()


def test_a_new_key_is_made_after_asking(
    olgas_browser: Client, managed: Managed, management: KeyManagement
) -> None:
    old = managed.key()

    asked = act(olgas_browser, MANAGEMENTS, "make_new", management.pk)
    assert "The old one serves until the new one is" in asked
    assert Minting.objects.count() == 1
    said = act(olgas_browser, MANAGEMENTS, "make_new", management.pk, confirmed="yes")

    assert "1 of 1 will get a new key" in said
    managed.work()
    assert managed.key().pk != old.pk
    assert managed.minting().reason == "ops"
    assert LogEntry.objects.filter(change_message="Had a new key made.").count() == 1


def test_each_problem_is_a_sentence_on_the_pages(olgas_browser: Client, management: KeyManagement) -> None:
    KeyManagement.objects.update(problem=managed_problems.NOT_APPROVED)
    Minting.objects.update(outcome=managed_problems.PREVIEW_REFUSED)
    pages = [
        reverse("admin:stripe_keys_keymanagement_change", args=[management.pk]),
        reverse("admin:stripe_keys_minting_change", args=[Minting.objects.get().pk]),
    ]

    told = [olgas_browser.get(page).content.decode() for page in pages]

    assert "ask Stripe whether `api_key_write` is approved" in told[0]
    assert "see STRIPE_PREVIEW_VERSION" in told[1]
    assert managed_problems.FOR_OPS.keys() == managed_problems.FOR_MERCHANTS.keys()


def test_merchants_who_bring_the_keys_are_left_out(
    olgas_browser: Client, managed: Managed, management: KeyManagement
) -> None:
    KeyManagement.objects.update(is_on=False)

    said = act(olgas_browser, MANAGEMENTS, "make_new", management.pk, confirmed="yes")

    assert "0 of 1 will get a new key" in said
    assert not LogEntry.objects.exists()


def test_the_pages_say_how_it_went_and_show_no_key(
    olgas_browser: Client, managed: Managed, management: KeyManagement
) -> None:
    key = managed.key()
    managed.at_stripe.admin.switch(expire_lag_seconds=3600)
    services.remove(key=key, user=managed.ada, now=timezone.now())
    managed.work()
    row = Retirement.objects.get()

    page = olgas_browser.get(reverse("admin:stripe_keys_retirement_change", args=[row.pk])).content.decode()

    assert key.stripe_key_id in page
    assert "StillAccepted" in page
    assert row.sealed
    assert row.sealed not in page


def test_collectors_are_told_what_fails_and_what_is_late(
    client: Client, managed: Managed, management: KeyManagement, settings: Settings
) -> None:
    settings.METRICS_TOKEN = some_letters(40)
    services.remove(key=managed.key(), user=managed.ada, now=timezone.now())

    def told() -> str:
        asked = {"authorization": f"Bearer {settings.METRICS_TOKEN}"}
        return client.get("/metrics", headers=asked).content.decode()

    assert "key_mintings_failed 0.0" in told()
    assert "key_retirements_overdue 0.0" in told()
    KeyManagement.objects.update(is_on=True, problem="refused")
    Retirement.objects.update(created_at=timezone.now() - timedelta(hours=3))
    assert "key_mintings_failed 1.0" in told()
    assert "key_retirements_overdue 1.0" in told()


def test_a_dead_retirement_is_tried_again(
    olgas_browser: Client, managed: Managed, management: KeyManagement
) -> None:
    services.remove(key=managed.key(), user=managed.ada, now=timezone.now())
    Retirement.objects.update(state="dead", finished_at=timezone.now())

    said = act(olgas_browser, RETIREMENTS, "revive_dead", Retirement.objects.get().pk)

    assert "1 of 1 will be tried again" in said
    managed.work()
    assert Retirement.objects.get().outcome == "refused"
    assert managed.living_at_stripe() == set()


def test_each_choice_of_a_filter_has_words(olgas_browser: Client, management: KeyManagement) -> None:
    page = olgas_browser.get(reverse(MANAGEMENTS)).content.decode()

    assert "By keys come from" in page
    none = olgas_browser.get(f"{reverse(MANAGEMENTS)}?is_on=0").content.decode()
    assert "0 key managements" in none
    assert re.search(r'href="\?problem=[^"]*">\s*none\s*</a>', page)
