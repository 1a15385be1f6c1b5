"""The part of a key's page that asks for news while a check goes on."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from stripe_keys import portrait
from stripe_keys.models import RestrictedKey, Validation
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key, page_of, status_of

pytestmark = pytest.mark.django_db


def test_a_check_under_way_shows_each_permission_turning_up(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "pending")
    a_check(key, {"balance_read": "granted", "charge_read": "missing"}, state=Validation.State.CLAIMED)

    part = status_of(adas_browser, key).content.decode()

    assert 'hx-trigger="every 1s"' in part
    assert part.count("check--granted") == 1
    assert part.count("check--missing") == 1
    assert part.count("check--checking") == 10
    assert "key-news" not in part
    assert "Check now" not in part


def test_a_check_that_has_not_begun_shows_all_as_waiting(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "pending")
    a_check(key, {}, state=Validation.State.WAITING)

    part = status_of(adas_browser, key).content.decode()

    assert part.count("check--waiting") == 12
    assert 'hx-trigger="every 1s"' in part


def test_no_news_is_no_answer(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "pending")
    check = a_check(key, {}, state=Validation.State.CLAIMED)
    found = re.search(r'seen=([^"]+)"', unescape(status_of(adas_browser, key).content.decode()))
    assert found
    seen = found[1]

    quiet = status_of(adas_browser, key, seen)
    check.permission_checks.create(key_id=check.key_id, permission="balance_read", outcome="granted")
    news = status_of(adas_browser, key, seen)

    assert (quiet.status_code, news.status_code) == (204, 200)


def test_a_settled_key_stops_asking_announces_it_and_offers_its_buttons(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada)
    a_check(key, ALL_GRANTED)

    part = unescape(status_of(adas_browser, key, "old").content.decode())

    assert "hx-trigger" not in part
    assert 'hx-swap-oob="innerHTML">The check is done: Active.' in part
    for name in ("check_key", "replace_key", "remove_key"):
        assert reverse(f"stripe_keys:{name}", args=[key.pk]) in part


def test_a_retry_that_comes_soon_is_asked_for_more_slowly(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "pending", last_problem="no_connection")
    a_check(key, {}, state=Validation.State.WAITING, due_in=timedelta(seconds=40))

    assert 'hx-trigger="every 5s"' in status_of(adas_browser, key).content.decode()


def test_without_javascript_the_page_refreshes_itself_while_it_waits(adas_browser: Client, ada: User) -> None:
    waiting = a_key(ada, "pending")
    a_check(waiting, {}, state=Validation.State.WAITING)
    settled = a_key(ada, livemode=True)

    assert '<noscript><meta http-equiv="refresh"' in page_of(adas_browser, waiting)
    assert "http-equiv" not in page_of(adas_browser, settled)


def test_the_live_part_alone_leads_to_the_page(adas_browser: Client, ada: User) -> None:
    key = a_key(ada)

    response = adas_browser.get(reverse("stripe_keys:key_status", args=[key.pk]))

    assert response["Location"] == reverse("stripe_keys:key_detail", args=[key.pk])


def test_a_check_that_ends_while_the_page_is_drawn_is_shown_as_ended(ada: User) -> None:
    key = a_key(ada, "pending")
    check = a_check(key, {}, state=Validation.State.CLAIMED)
    read_before = RestrictedKey.objects.get(pk=key.pk)
    RestrictedKey.objects.filter(pk=key.pk).update(status="active", stripe_account_id="acct_1ReadTooEarly0")
    Validation.objects.filter(pk=check.pk).update(state=Validation.State.DONE, lease_until=None)

    drawn = portrait.draw(read_before, viewer=ada, now=timezone.now())

    assert (drawn.pill, drawn.pace) == (("active", "Active"), "")
