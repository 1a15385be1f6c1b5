"""Reminders before a key ends: at their marks, once, and only while they are of use."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, User
from stripe_keys import lifecycle, mails, reminders
from stripe_keys.models import RestrictedKey
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOW = timezone.now().replace(microsecond=0)


def ending(user: User, overlap: timedelta, **fields: Any) -> RestrictedKey:
    """A key that was rotated NOW, and whose merchant was told so."""
    key = a_key(user, **{"rotated_at": NOW, "expires_at": NOW + overlap} | fields)
    mails.tell_rotated(key, NOW)
    return key


def marks() -> list[str]:
    """Of which marks reminders were written, in order."""
    written = Notice.objects.filter(dedupe_key__startswith="ending:").order_by("pk")
    return [key.rpartition(":")[2] for key in written.values_list("dedupe_key", flat=True)]


def live_through(*moments: datetime) -> list[str]:
    """Let the job run at these moments, each reminder being sent, and return the marks of all."""
    for moment in moments:
        reminders.send_due(moment)
        Notice.objects.update(state=Notice.State.DONE)
    return marks()


def telling_moments(end: datetime) -> list[datetime]:
    """When a mail might go out: after each mark and after the first mail, at once and a while later; after the end."""
    begins = [NOW, *(end - lead for lead in reminders.MARKS.values()), end]
    whiles = (MINUTE, 2 * HOUR, 3 * HOUR + MINUTE, 5 * HOUR)
    return sorted({moment + later for moment in begins for later in whiles if moment >= NOW})


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (7 * DAY, ["3-days", "1-day", "3-hours"]),
        (3 * DAY + 4 * HOUR, ["3-days", "1-day", "3-hours"]),
        (3 * DAY + 2 * HOUR, ["1-day", "3-hours"]),
        (DAY, ["3-hours"]),
        (7 * HOUR, ["3-hours"]),
        (5 * HOUR, []),
        (HOUR, []),
    ],
    ids=["7d", "3d4h", "3d2h", "1d", "7h", "5h", "1h"],
)
def test_each_mark_is_told_once_and_none_shortly_after_the_first_mail(
    ada: User, overlap: timedelta, expected: list[str]
) -> None:
    ending(ada, overlap)

    assert live_through(*telling_moments(NOW + overlap)) == expected


def test_a_mark_that_was_missed_is_left_out_when_a_later_one_is_due(ada: User) -> None:
    key = ending(ada, 7 * DAY)
    assert key.expires_at

    found = live_through(key.expires_at - 2 * HOUR, key.expires_at - HOUR)

    assert found == ["3-hours"]


def test_a_late_reminder_keeps_the_next_one_from_following_at_once(ada: User) -> None:
    key = ending(ada, 7 * DAY)
    assert key.expires_at

    found = live_through(key.expires_at - 4 * HOUR, *(key.expires_at - n * 30 * MINUTE for n in (6, 5, 4, 3)))

    assert found == ["1-day"], "an hour later there is nothing new to say"


def test_after_the_end_nothing_is_told(ada: User) -> None:
    key = ending(ada, 7 * DAY)
    assert key.expires_at

    assert live_through(key.expires_at, key.expires_at + MINUTE) == []


def test_an_expiry_date_is_told_of_too_in_words_of_its_own(ada: User) -> None:
    end = NOW + 3 * DAY
    key = a_key(ada, expires_at=end)

    assert live_through(NOW + MINUTE, NOW + 2 * MINUTE) == ["3-days"]

    notice = Notice.objects.get()
    assert "stops working in 3 days" in notice.subject
    assert f"{end:%H:%M} UTC, in 3 days. That is the date on which Stripe lets it expire." in notice.body
    assert reverse("stripe_keys:replace_key", args=[key.pk]) in notice.body


@pytest.mark.parametrize(
    ("successor", "expected"),
    [
        ({}, []),
        ({"last_problem": "less_than_the_old_key"}, []),
        ({"last_problem": "no_answer"}, []),
        ({"awaits_account_confirmation": True}, ["3-days"]),
        ({"last_problem": "address_refused"}, ["3-days"]),
        ({"livemode": True}, ["3-days"]),
    ],
    ids=[
        "being checked",
        "can do less",
        "Stripe is away",
        "asks whose",
        "limited to addresses",
        "other mode",
    ],
)
def test_a_successor_that_needs_nothing_is_left_in_peace(
    ada: User, successor: dict[str, Any], expected: list[str]
) -> None:
    ending(ada, 4 * DAY)
    a_key(ada, "pending", **successor)

    assert live_through(NOW + DAY + MINUTE) == expected


def test_a_successor_that_waits_for_its_merchant_is_named(ada: User) -> None:
    ending(ada, 4 * DAY)
    successor = a_key(ada, "pending", awaits_account_confirmation=True)

    reminders.send_due(NOW + DAY)

    body = Notice.objects.get(dedupe_key__startswith="ending:").body
    assert f"ending in {successor.last4}, but it is not in use yet" in body
    assert reverse("stripe_keys:key_detail", args=[successor.pk]) in body


@pytest.mark.parametrize(
    "fields", [{"suspended_at": NOW}, {"quarantined_at": NOW}, {"status": "replaced"}, {"status": "expired"}]
)
def test_a_key_that_is_of_no_use_anyway_is_not_reminded_of(ada: User, fields: dict[str, Any]) -> None:
    key = ending(ada, 4 * DAY)
    RestrictedKey.objects.filter(pk=key.pk).update(**fields)

    assert live_through(NOW + DAY + MINUTE) == []


def test_another_merchants_mails_do_not_count(ada: User, eve: User) -> None:
    ending(ada, 3 * DAY + HOUR)
    a_key(eve, expires_at=NOW + 3 * DAY + HOUR)

    assert live_through(NOW + HOUR) == ["3-days"]


def test_reminders_that_could_not_be_sent_give_way_to_the_newest_and_to_the_end(ada: User) -> None:
    key = ending(ada, 7 * DAY)
    Notice.objects.all().delete()
    reminders.send_due(NOW + 4 * DAY)
    reminders.send_due(NOW + 6 * DAY)
    assert marks() == ["1-day"]

    with transaction.atomic():
        lifecycle.move(lifecycle.locked(key), "replaced", actor="the site", reason="A newer key took over.")

    assert not Notice.objects.exists()
