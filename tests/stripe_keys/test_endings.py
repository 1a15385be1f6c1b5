"""A key's announced end on its pages: a countdown that is true, a way to the new key, and peace once that is here."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, User
from stripe_keys import mails, reports, uninstalls
from stripe_keys.endings import countdown, written
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.rows import a_key, page_of, status_of

pytestmark = pytest.mark.django_db

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (7 * DAY, "in 7 days"),
        (729 * DAY, "in 729 days"),
        (3 * 366 * DAY, "in 3 years"),
        (2912118 * DAY, "in more than 100 years"),
        (3 * DAY - 5 * MINUTE, "in 3 days"),
        (3 * DAY - HOUR, "in 2 days"),
        (2 * DAY - HOUR, "in 47 hours"),
        (2 * HOUR, "in 2 hours"),
        (2 * HOUR - 10 * MINUTE, "in 110 minutes"),
        (MINUTE, "in 1 minute"),
        (MINUTE / 2, "any moment"),
        (-DAY, "any moment"),
    ],
    ids=str,
)
def test_the_countdown_never_promises_more_than_there_is(left: timedelta, words: str) -> None:
    now = timezone.now()

    assert countdown(now + left, now) == words


@pytest.mark.parametrize("status", ["active", "limited"])
def test_page_and_list_count_down_and_lead_to_the_new_key(
    adas_browser: Client, ada: User, status: str
) -> None:
    end = timezone.now() + 2 * DAY + HOUR
    key = a_key(ada, status, rotated_at=timezone.now(), expires_at=end)

    for page in (page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()):
        assert "This key was rotated in Stripe and stops working in 2 days" in page
        assert f"The old one stops working on {written(end)}." in page
        assert 'class="status status--expiring">Expiring<' in page
        assert (
            f'class="button button--small" href="{reverse("stripe_keys:replace_key", args=[key.pk])}"' in page
        )


def test_a_date_of_expiry_has_its_own_words(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, expires_at=timezone.now() + 30 * DAY + HOUR)

    page = page_of(adas_browser, key)

    assert "This key expires in 30 days" in page
    assert "rotated in Stripe" not in page


def test_the_paste_page_says_which_key_it_replaces_and_how_long_that_works(
    adas_browser: Client, ada: User
) -> None:
    key = a_key(ada, rotated_at=timezone.now(), expires_at=timezone.now() + 3 * HOUR)

    page = adas_browser.get(reverse("stripe_keys:replace_key", args=[key.pk])).content.decode()

    assert f"{key.display}</span> stops working in 3 hours, on " in page


def test_an_open_page_hears_of_the_countdown_and_of_nothing_else(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, rotated_at=timezone.now(), expires_at=timezone.now() + 2 * DAY + HOUR)
    page = page_of(adas_browser, key)
    seen = page.split("?seen=")[1].split('"')[0].replace("%3A", ":").replace("%2B", "+")
    assert 'hx-trigger="every 60s"' in page
    assert 'http-equiv="refresh"' not in page

    same = status_of(adas_browser, key, seen)
    type(key).objects.filter(pk=key.pk).update(expires_at=timezone.now() + DAY)
    later = status_of(adas_browser, key, seen)

    assert same.status_code == 204
    assert "stops working in 24 hours" in later.content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "is being checked, and takes over as soon as it is proven"),
        ({"last_problem": "less_than_the_old_key"}, "takes over then. It can do less"),
        ({"awaits_account_id": True}, "something about it needs you"),
    ],
    ids=["being checked", "can do less", "asks"],
)
def test_a_successor_is_named_in_place_of_asking_for_one(
    adas_browser: Client, ada: User, fields: dict[str, Any], said: str
) -> None:
    key = a_key(ada, rotated_at=timezone.now(), expires_at=timezone.now() + 2 * DAY)
    successor = a_key(ada, "pending", **fields)

    page = page_of(adas_browser, key)

    assert f"ending in {successor.last4}" in page
    assert said in page
    assert "Paste the new key" not in page
    banner = adas_browser.get("/stripe/connect/test/").content.decode()
    assert (key.last4 in banner) is bool(fields.get("awaits_account_id"))


def test_a_replaced_key_speaks_of_no_end(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "replaced", rotated_at=timezone.now(), expires_at=timezone.now() + DAY)

    page = page_of(adas_browser, key)

    assert "stops working" not in page
    assert "hx-trigger" not in page


@pytest.mark.parametrize(
    ("fields", "successor", "seconds"),
    [
        ({"expires_at": timezone.now() + DAY}, False, 0),
        ({}, False, 10),
        ({"expires_at": timezone.now() + DAY}, True, 60),
    ],
    ids=["end known", "end unknown", "successor is being checked"],
)
def test_rotation_is_told_at_once_unless_a_check_may_make_it_moot(
    ada: User, fields: dict[str, Any], successor: bool, seconds: int
) -> None:
    now = timezone.now()
    key = a_key(ada, rotated_at=now, **fields)
    if successor:
        a_key(ada, "pending")

    mails.tell_rotated(key, now)

    notice = Notice.objects.get()
    assert notice.due_at <= timezone.now() + timedelta(seconds=seconds)
    assert (notice.due_at > timezone.now()) is bool(seconds)


def will_end(key: RestrictedKey, expires_at: datetime | None) -> int:
    """Stripe says when the key ends."""
    return reports.key_will_end(
        stripe_account_id=key.stripe_account_id,
        livemode=key.livemode,
        stripe_key_id=key.stripe_key_id,
        expires_at=expires_at,
        now=timezone.now(),
    )


def test_a_date_may_be_taken_away_again_but_not_from_a_rotated_key(ada: User) -> None:
    end = timezone.now() + 2 * DAY
    key = a_key(ada, stripe_key_id="mk_1SomeKeyOfAda", next_check_at=end + DAY)

    assert [will_end(key, end), will_end(key, end), will_end(key, None)] == [1, 0, 1]
    key.refresh_from_db()
    assert key.expires_at is None
    assert key.status_changes.filter(reason__contains="expires on").count() == 1

    RestrictedKey.objects.filter(pk=key.pk).update(rotated_at=timezone.now())
    assert [will_end(key, end), will_end(key, None)] == [1, 0]
    again = RestrictedKey.objects.get(pk=key.pk)
    assert (again.expires_at, again.next_check_at) == (end, end + timedelta(seconds=1))


PASSED = "{} was to stop working on {}; we are asking Stripe about it."


@pytest.mark.parametrize(
    ("fields", "title", "next_step"),
    [
        ({}, "This key should have expired", "Create a new key in Stripe and paste it here."),
        (
            {"rotated_at": timezone.now() - 9 * DAY},
            "This key was rotated in Stripe and should have stopped working",
            "paste it here; until then the old one may stop any moment.",
        ),
    ],
    ids=["expires", "rotated"],
)
def test_an_end_that_has_passed_is_spoken_of_as_past(
    adas_browser: Client, ada: User, fields: dict[str, Any], title: str, next_step: str
) -> None:
    end = timezone.now() - 3 * DAY
    key = a_key(ada, expires_at=end, **fields)

    for page in (page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()):
        assert title in page
        assert PASSED.format("The old one" if fields else "It", written(end)) in page
        assert next_step in page
        assert "<dt>Was to stop working</dt>" in page
        assert "any moment. " not in page.replace("may stop any moment. ", "")
        assert "stops working" not in page
    paste = adas_browser.get(reverse("stripe_keys:replace_key", args=[key.pk])).content.decode()
    assert f"was to stop working on {written(end)}, and is used until Stripe says so" in paste


def test_a_successor_is_told_of_with_an_end_that_has_passed(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, rotated_at=timezone.now() - 9 * DAY, expires_at=timezone.now() - DAY)
    a_key(ada, "pending", last_problem="less_than_the_old_key")

    page = page_of(adas_browser, key)

    assert "takes over as soon as Stripe ends this one. It can do less" in page


def test_a_longest_overlap_that_has_passed_is_past_too(adas_browser: Client, ada: User) -> None:
    rotated_at = timezone.now() - 30 * DAY
    key = a_key(ada, rotated_at=rotated_at)

    page = page_of(adas_browser, key)

    latest = written(rotated_at + 7 * DAY)
    assert f"by {latest} at the latest it was to; we are asking Stripe about it." in page
    assert "at most 7 days" not in page


def test_a_rotation_in_the_future_counts_from_now(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, rotated_at=timezone.now() + 400 * DAY)

    before = timezone.now()
    page = page_of(adas_browser, key)

    ends = [f"that is by {written(moment + 7 * DAY)}." for moment in (before, timezone.now())]
    assert any(end in page for end in ends)


@pytest.mark.parametrize(
    ("left", "words"), [(7 * DAY - 3 * MINUTE, "in 7 days"), (2912118 * DAY, "in more than 100 years")]
)
def test_title_and_facts_count_alike(adas_browser: Client, ada: User, left: timedelta, words: str) -> None:
    key = a_key(ada, expires_at=timezone.now() + left)

    for page in (page_of(adas_browser, key), adas_browser.get("/stripe/keys/").content.decode()):
        assert f"This key expires {words}" in page
        assert f">{words}</time></dd>" in page
        assert "hours from now" not in page


def test_what_was_erased_with_the_app_is_said_in_a_whole_sentence(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "removed", last_problem=uninstalls.LEFT)

    page = page_of(adas_browser, key)

    assert "<p>We have erased this key, as the app is not installed any more." in page
