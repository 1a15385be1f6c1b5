"""The mails about keys: each says what happened, when, and what to do, in plain text."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Notice, User
from stripe_keys import lifecycle, mails, permissions, services, takeover
from stripe_keys.models import RestrictedKey
from tests.people import merchant_of
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key

KEY_URL = "https://partner.example.com/stripe/keys/1/"
EDIT_URL = "https://dashboard.stripe.com/apikeys/mk_1SomeKey/edit"
PASTE_URL = "https://partner.example.com/stripe/paste/live/"
MAILS = [
    "rotated",
    "ending",
    "expired",
    "limited",
    "uninstalled",
    "uninstalled_kept",
    "installed_again",
    "suspended",
    "resumed",
    "leaked",
    "unreadable",
]


def mail(what: str, **fields: Any) -> tuple[str, str]:
    context = {
        "site_name": "Ben & Ada's",
        "key": RestrictedKey(livemode=True, last4="9xYz", **fields),
        "key_url": KEY_URL,
        "replace_url": PASTE_URL,
        "missing": [one for one in permissions.required() if one.permission == "payout_read"],
        "works": [one for one in permissions.required() if one.permission != "payout_read"],
        "edit_url": EDIT_URL,
        "in_stripe": "open the app's settings in Stripe",
        "place_in_stripe": "the app's settings in Stripe",
    }
    subject = render_to_string(f"stripe_keys/mail/{what}_subject.txt", context).strip()
    return subject, render_to_string(f"stripe_keys/mail/{what}.txt", context)


@pytest.mark.parametrize("what", MAILS)
def test_each_mail_is_plain_and_leads_to_the_key(what: str) -> None:
    subject, body = mail(what)

    assert "\n" not in subject
    assert len(subject) < 100
    assert KEY_URL in body
    assert "&amp;" not in subject + body
    assert "&#x27;" not in subject + body
    assert "{" not in body


def test_a_leaked_and_a_suspended_key_are_said_to_be_handed_to_nobody() -> None:
    leaked, suspended = (mail(what, status="active")[1] for what in ("leaked", "suspended"))

    assert "but Ben & Ada's hands it to nobody." in leaked
    assert "rotate the key now and let the old one end at once" in leaked
    assert "but Ben & Ada's hands it to nobody until it is resumed." in suspended


@pytest.mark.parametrize(
    ("count", "advice"),
    [(1, "expire the key in Stripe. It goes on"), (2, "expire the keys in Stripe. They go on")],
)
def test_closing_counts_the_keys(count: int, advice: str) -> None:
    keys = [RestrictedKey(livemode=True, last4=f"9xY{number}") for number in range(count)]

    assert advice in render_to_string("stripe_keys/mail/closed.txt", {"keys": keys, "pasted": keys})


def test_rotation_names_the_end_when_it_is_known() -> None:
    _, body = mail("rotated", rotated_at=timezone.now(), expires_at=datetime(2027, 3, 4, 5, 6, tzinfo=UTC))

    assert "stops working on 4 March 2027, 05:06 UTC" in body
    assert PASTE_URL in body


def test_rotation_names_the_latest_end_when_it_is_not() -> None:
    _, body = mail("rotated", rotated_at=datetime(2027, 3, 4, 5, 6, tzinfo=UTC))

    assert "at most 7 days after the rotation, which was on 4 March 2027, 05:06 UTC" in body


def test_a_limited_key_names_what_works_what_does_not_and_where_to_mend_it() -> None:
    broken, works = mail("limited")[1].split("This goes on working:")

    assert "- Payouts: read. Matches payouts with the deposits on your bank statement." in broken
    assert "- Brings in successful and failed payments." in works
    assert "Matches payouts" not in works
    assert EDIT_URL in works


@pytest.mark.django_db
def test_a_key_that_loses_a_permission_is_told_of_with_what_is_left(ada: User) -> None:
    key = a_key(ada, stripe_key_id="mk_1SomeKey")
    a_check(key, ALL_GRANTED | {"payout_read": "missing", "plan_read": "unknown"})

    with transaction.atomic():
        takeover.settle_status(lifecycle.locked(key), missing=["payout_read"], now=timezone.now())

    broken, works = Notice.objects.get().body.split("This goes on working:")
    assert "Payouts: read" in broken
    assert "Reads prices" not in broken + works
    assert works.count("\n- ") == len(ALL_GRANTED) - 2
    assert "mk_1SomeKey" in works


def flap(key: RestrictedKey, missing: list[str], now: datetime) -> None:
    """Let Stripe's answers about `missing` change once."""
    with transaction.atomic():
        takeover.settle_status(lifecycle.locked(key), missing=missing, now=now)
    # As the mail server takes them.
    Notice.objects.filter(due_at__lte=timezone.now()).update(state=Notice.State.DONE)


@pytest.mark.django_db
def test_a_key_that_flaps_is_told_of_once_and_weeks_later_again(ada: User) -> None:
    key, now = a_key(ada), timezone.now()
    for minute in range(6):
        flap(key, [] if minute % 2 else ["payout_read"], now + timedelta(minutes=minute))
    assert Notice.objects.count() == 1, "the last word was that all is well"

    flap(key, ["payout_read", "plan_read"], now + timedelta(hours=1))
    assert Notice.objects.count() == 2, "something else is told at once"

    flap(key, [], now + timedelta(days=19))
    flap(key, ["payout_read"], now + timedelta(days=20))
    assert Notice.objects.filter(due_at__lte=timezone.now()).count() == 3


@pytest.mark.django_db
def test_a_key_that_stays_limited_after_flapping_is_told_of_a_day_later(ada: User) -> None:
    key, now = a_key(ada), timezone.now()
    for minute, missing in enumerate((["payout_read"], [], ["payout_read"])):
        flap(key, missing, now + timedelta(minutes=minute))

    again = Notice.objects.get(state=Notice.State.WAITING)

    assert timedelta(hours=23) < again.due_at - now <= timedelta(hours=24)


@pytest.mark.django_db
def test_another_account_is_told_of_at_each_suspension(ada: User) -> None:
    for day in (1, 2, 2):
        moment = datetime(2027, 3, day, tzinfo=UTC)
        mails.tell_other_account(a_key_of(ada, suspended_at=moment))

    assert Notice.objects.count() == 2


def a_key_of(user: User, **fields: Any) -> RestrictedKey:
    """The only key of the user, as it is then."""
    key = RestrictedKey.objects.filter(merchant=merchant_of(user)).first() or a_key(user)
    for name, value in fields.items():
        setattr(key, name, value)
    return key


@pytest.mark.django_db
def test_lifting_a_suspension_is_told(ada: User, olga: User) -> None:
    key = a_key(ada)
    services.suspend(key=key, actor=olga, now=timezone.now())
    Notice.objects.update(state=Notice.State.DONE)

    services.resume(key=key, actor=olga, now=timezone.now())

    told = Notice.objects.get(dedupe_key__startswith=f"resumed:{key.pk}:")
    assert "suspension" in told.subject
    assert "There is nothing for you to do." in told.body


def test_nobody_is_told_to_edit_a_key_that_the_app_made() -> None:
    body = mail("limited", managed_by="app", stripe_key_id="mk_1SomeKey")[1]

    assert "which our app made, lacks permissions" in body
    assert "have a new key made" in body
    assert "edit" not in body.lower()
    assert KEY_URL in body


@pytest.mark.django_db
@pytest.mark.parametrize("tell", [mails.tell_unreadable, mails.tell_rotated, mails.tell_installed_again])
def test_only_keys_of_the_default_purpose_are_looked_for_with_the_app(
    ada: User, tell: Callable[[RestrictedKey, datetime], None]
) -> None:
    tell(a_key(ada), timezone.now())
    tell(a_key(ada, purpose="billing"), timezone.now())

    default, billing = (notice.body for notice in Notice.objects.order_by("pk"))
    assert 'open the app\'s settings in Stripe, press "View API keys"' in default
    assert "app's settings" not in billing
    assert "open the API keys in Stripe's Dashboard" in billing
