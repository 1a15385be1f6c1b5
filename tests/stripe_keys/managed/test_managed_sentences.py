"""What pages say about a key that the app made, in every state: never to paste it again, always what helps."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import sentences
from stripe_keys.models import RestrictedKey, Retirement
from stripe_keys.sentences import PROBLEM_CODES
from tests.stripe_keys.managed.test_managed_pages import made_key, managed
from tests.stripe_keys.rows import ACCOUNT, a_key, page_of

pytestmark = pytest.mark.django_db

NOW = timezone.now()
OF_PASTED_KEYS = (
    "aste it again",
    "aste the new key",
    "aste the key again",
    "Edit the key",
    "Copy the",
    "in Stripe and paste",
)
LATER = timedelta(days=2)
SOME_CODES = ("never_proven", "permission_unclear", "key_expired")


def said_of(key: RestrictedKey) -> str:
    """Headline and notices."""
    notices = sentences.notices(key, NOW)
    links = [link.label for notice in notices for link in notice.links]
    return " ".join([sentences.headline(key), *(f"{one.title} {one.text}" for one in notices), *links])


def retire(key: RestrictedKey, **row: Any) -> None:
    """A removed key that the app ends at Stripe."""
    Retirement.objects.create(
        key=key,
        merchant=key.merchant,
        lane="ada",
        stripe_account_id=ACCOUNT,
        livemode=False,
        stripe_key_id=key.stripe_key_id,
        cause="removed",
        **row,
    )


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_nobody_is_told_to_paste_or_edit_it(ada: User, is_on: bool) -> None:
    managed(ada, is_on=is_on)
    key = made_key(ada)
    # Of a problem the same is said in every status that is kept, and little once a key has ended.
    said_alike = dict.fromkeys(("limited", "rejected", "expired", "replaced", "removed"), SOME_CODES)
    codes = {"pending": PROBLEM_CODES, "active": PROBLEM_CODES, **said_alike}
    states: list[dict[str, Any]] = [
        {"status": status, "last_problem": code} for status in codes for code in ("", *codes[status])
    ]
    states += [
        {"status": "active", "last_problem": "", "quarantined_at": NOW},
        {"status": "active", "last_problem": "", "suspended_at": NOW, "leaked_at": NOW},
        {"status": "active", "last_problem": "", "expires_at": NOW + LATER},
        {"status": "active", "last_problem": "", "rotated_at": NOW},
    ]
    for state in states:
        for name, value in {"quarantined_at": None, "suspended_at": None, "leaked_at": None, **state}.items():
            setattr(key, name, value)

        said = said_of(key)

        assert not [words for words in OF_PASTED_KEYS if words in said], (state, said)


@pytest.mark.parametrize(
    ("fields", "on", "off"),
    [
        ({"quarantined_at": NOW}, "Have a new key made", "Paste a key of your own"),
        (
            {"expires_at": NOW + LATER},
            "The app makes a new one before that",
            "Paste a key of your own before",
        ),
        (
            {"status": "limited"},
            "Have a new key made; if that lacks the same",
            "Paste a key of your own that has",
        ),
        ({"status": "expired"}, "The app makes a new one", "paste a key of your own, or let the app make"),
        (
            {"status": "rejected", "last_problem": "not_usable"},
            "The app tries again later",
            "Paste a key of your",
        ),
    ],
    ids=["unreadable", "ending", "limited", "expired", "rejected"],
)
def test_what_helps_depends_on_who_brings_the_keys(
    ada: User, fields: dict[str, Any], on: str, off: str
) -> None:
    management = managed(ada)
    key = made_key(ada, **fields)
    assert on in said_of(key)

    type(management).objects.update(is_on=False)

    assert off in said_of(key)


def test_key_that_can_do_everything_carries_a_warning(ada: User) -> None:
    managed(ada)

    found = sentences.needs_attention(made_key(ada, is_unrestricted=True), NOW)

    assert found is not None
    assert (found.tone, found.title) == ("warning", "This key can do everything")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "It is being ended at Stripe."),
        ({"state": "done", "outcome": "refused"}, "It has ended at Stripe as well."),
        ({"state": "done", "outcome": "still_accepted"}, "We could not end it at Stripe."),
        ({"state": "done", "outcome": "not_installed"}, "We could not end it at Stripe."),
    ],
    ids=["open", "ended", "survives", "left"],
)
def test_removed_key_says_how_far_its_end_at_stripe_is(
    ada: User, adas_browser: Client, row: dict[str, Any], said: str
) -> None:
    managed(ada, is_on=False)
    key = made_key(ada, "removed")
    retire(key, **row)

    page = page_of(adas_browser, key)

    assert said in page
    assert ('hx-trigger="every 5s"' in page) is (not row)


def test_remove_screen_says_that_no_other_key_is_made(adas_browser: Client, ada: User) -> None:
    managed(ada)
    key = made_key(ada)

    page = unescape(adas_browser.get(f"/stripe/keys/{key.pk}/remove/").content.decode())

    assert "The app ends the key at Stripe, and makes no other one in its place" in page


def test_list_says_that_the_first_key_is_being_made(
    adas_browser: Client, ada: User, settings: Settings
) -> None:
    settings.MANAGED_KEYS = ["test"]
    managed(ada)

    page = adas_browser.get("/stripe/keys/").content.decode()

    assert "No test key is in use yet. The app makes it." in page
    assert "Connect your Stripe account" not in page


def test_banner_speaks_of_the_key_that_needs_somebody(adas_browser: Client, ada: User) -> None:
    managed(ada, livemode=True)
    renewed = made_key(ada, livemode=True, expires_at=NOW + LATER)
    pasted = a_key(ada, expires_at=NOW + LATER)

    page = adas_browser.get("/accounts/email/").content.decode()

    assert f"ending in {pasted.last4}" in page
    assert f"ending in {renewed.last4}" not in page


def test_renewal_is_offered_on_the_key_itself(adas_browser: Client, ada: User) -> None:
    managed(ada)
    made, pasted = made_key(ada), a_key(ada, livemode=True)

    assert 'id="renew" href="/stripe/managed/test/renew/"' in page_of(adas_browser, made)
    assert 'id="renew"' not in page_of(adas_browser, pasted)


@pytest.mark.parametrize(
    ("outcome", "said", "asks"),
    [("refused", "It has ended at Stripe as well.", False), ("still_accepted", "We could not end it", True)],
    ids=["ended", "survives"],
)
def test_erased_page_asks_to_expire_only_what_may_live(
    ada: User, adas_browser: Client, outcome: str, said: str, asks: bool
) -> None:
    key = made_key(ada, "removed")
    retire(key, state="done", outcome=outcome)

    page = adas_browser.get("/stripe/erased/").content.decode()

    assert said in page
    assert ("Removed keys may still work at Stripe" in page) is asks
