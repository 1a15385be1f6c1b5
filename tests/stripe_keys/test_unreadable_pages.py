"""What merchants see of a key that we can no longer read, and of keys after the database was restored."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from stripe_keys.models import DatabaseRestore
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key, page_of, status_of

pytestmark = pytest.mark.django_db
WORDS = "We can no longer read this key"


@pytest.mark.parametrize("status", ["active", "limited", "pending"])
@pytest.mark.parametrize("problem", ["unreadable", "check_failed", ""])
def test_key_page_and_list_ask_for_it_again(
    adas_browser: Client, ada: User, status: str, problem: str
) -> None:
    key = a_key(ada, status, quarantined_at=timezone.now(), last_problem=problem)

    page, listed = page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()

    for shown in (page, listed):
        assert shown.count(f"{WORDS}</h") == 1
        assert 'href="/stripe/paste/test/"' in shown
        assert "Unreadable" in shown
    assert "Stripe accepts this key" not in page
    assert 'id="replace"' not in page


def test_other_pages_remind_of_it(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "limited", quarantined_at=timezone.now())

    page = adas_browser.get("/stripe/connect/test/").content.decode()

    assert WORDS in page
    assert f"ending in {key.last4}" in page


def test_a_page_that_waits_for_nothing_does_not_poll_and_one_that_waits_learns_of_it(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, "active", last_checked_at=timezone.now())
    a_check(key, ALL_GRANTED, state="done")
    before = status_of(adas_browser, key)
    seen = before.context["portrait"].version

    key.quarantined_at = timezone.now()
    key.save()
    after = status_of(adas_browser, key, seen)

    assert after.status_code == 200
    assert WORDS in after.content.decode()
    assert "hx-get" not in after.content.decode()


@pytest.mark.parametrize("status", ["removed", "expired", "replaced"])
def test_a_key_that_has_ended_is_not_asked_for_again(adas_browser: Client, ada: User, status: str) -> None:
    key = a_key(ada, status, quarantined_at=timezone.now(), last_problem="unreadable")

    assert WORDS not in page_of(adas_browser, key)


def test_the_page_for_its_successor_does_not_say_that_it_works(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, quarantined_at=timezone.now())

    page = adas_browser.get(f"/stripe/keys/{key.pk}/replace/").content.decode()

    assert "goes on working" not in page
    assert "We can no longer read the key" in page


def test_after_a_restore_a_key_says_that_it_is_checked_again_until_it_was(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, last_ok_at=timezone.now() - timedelta(hours=1))
    DatabaseRestore.objects.create(restored_at=timezone.now() - timedelta(minutes=1))
    waiting = page_of(adas_browser, key)

    key.last_ok_at = timezone.now()
    key.save()

    assert "This key is being checked again" in waiting
    assert "This key is being checked again" not in page_of(adas_browser, key)
