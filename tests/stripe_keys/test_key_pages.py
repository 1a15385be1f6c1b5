"""The list of keys and a key's page, in every state."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import stripe_keys
from accounts.models import User
from stripe_keys import sentences
from stripe_keys.endings import written
from stripe_keys.models import StatusChange
from stripe_keys.sentences.problems import GENERIC_REJECTION
from tests.stripe_keys.rows import ACCOUNT, ALL_GRANTED, a_check, a_key, page_of

pytestmark = pytest.mark.django_db


def pill_in(page: str) -> str:
    found = re.search(r'<span class="status[^>]*>([^<]+)</span>', page)
    assert found
    return found[1]


def test_without_a_key_the_list_leads_to_connecting(adas_browser: Client) -> None:
    page = adas_browser.get("/stripe/keys/").content.decode()

    assert "Connect your Stripe account" in page
    assert reverse("stripe_keys:connect", args=["live"]) in page
    assert reverse("stripe_keys:connect", args=["test"]) in page


def test_the_list_shows_keys_in_use_and_folds_away_the_ended(adas_browser: Client, ada: User) -> None:
    active = a_key(ada)
    replaced = a_key(ada, "replaced", minutes_ago=900)

    page = adas_browser.get("/stripe/keys/").content.decode()

    card, fold = page.split("<details", 2)[1:]
    assert replaced.display in fold
    assert replaced.display not in card
    assert active.display in page
    assert "No live key is in use." in page


def test_an_expired_key_without_another_stands_in_the_open(adas_browser: Client, ada: User) -> None:
    a_key(ada, "expired", last_problem="key_expired", last_checked_at=timezone.now())

    page = adas_browser.get("/stripe/keys/").content.decode()

    assert "This key no longer works" in page
    assert "earlier key" not in page


@pytest.mark.parametrize(
    ("status", "fields", "said"),
    [
        ("active", {}, ("Active", "every permission we need")),
        ("limited", {}, ("Limited", "Some permissions are missing")),
        ("expired", {"last_problem": "key_expired"}, ("Expired", "Create a new key")),
        ("replaced", {}, ("Replaced", "A newer key took over")),
        ("removed", {}, ("Removed", "expire it in Stripe as well")),
        ("rejected", {"last_problem": "not_usable"}, ("Rejected", GENERIC_REJECTION)),
        (
            "rejected",
            {"last_problem": "other_account", "stripe_account_id": ACCOUNT},
            ("Rejected", "another Stripe account than the key in use"),
        ),
        ("rejected", {"last_problem": "never_proven"}, ("Rejected", "Paste the key again")),
        ("pending", {"awaits_account_confirmation": True}, ("Your answer needed", "tell us whether")),
        ("active", {"suspended_at": timezone.now()}, ("Suspended", "Support has suspended")),
        (
            "active",
            {"suspended_at": timezone.now(), "leaked_at": timezone.now()},
            ("Suspended", "end at once, and paste the new key here"),
        ),
        ("active", {"rotated_at": timezone.now()}, ("Expiring", "at most 7 days after the rotation")),
    ],
)
def test_each_status_says_where_the_key_stands(
    adas_browser: Client, ada: User, status: str, fields: dict[str, Any], said: tuple[str, str]
) -> None:
    key = a_key(ada, status, **fields)

    page = page_of(adas_browser, key)

    assert pill_in(page) == said[0]
    assert said[1] in page
    assert key.display in page


@pytest.mark.parametrize("code", sentences.PROBLEM_CODES)
def test_each_problem_has_a_sentence_and_a_next_step(adas_browser: Client, ada: User, code: str) -> None:
    key = a_key(ada, "active", last_problem=code)

    notice = sentences.notices(key, timezone.now())[0]

    assert notice.title in page_of(adas_browser, key)
    assert re.search(r"paste|copy|check|try|add|create|nothing for you to do", notice.text, re.IGNORECASE)


def test_every_problem_code_of_the_gateway_and_the_checks_has_a_sentence() -> None:
    folder = Path(stripe_keys.__file__).parent
    source = "".join(
        (folder / name).read_text() for name in ("gateway/__init__.py", "validation.py", "takeover.py")
    )
    written = set(
        re.findall(r'(?:problem="|last_problem="|problem or "|_no_answer\(row, key, ")(\w+)"', source)
    )

    assert written
    assert written <= set(sentences.PROBLEM_CODES)


def test_a_refused_address_names_ours(adas_browser: Client, ada: User, settings: Settings) -> None:
    settings.STRIPE_EGRESS_ADDRESSES = ["192.0.2.7", "192.0.2.8"]
    key = a_key(ada, last_problem="address_refused")

    assert "192.0.2.7, 192.0.2.8" in page_of(adas_browser, key)


def test_a_rotated_key_names_the_moment_when_stripe_said_it(adas_browser: Client, ada: User) -> None:
    end = timezone.now() + timedelta(days=2)
    key = a_key(ada, rotated_at=timezone.now(), expires_at=end)

    page = page_of(adas_browser, key)

    assert f"stops working on {written(end)}" in page
    assert reverse("stripe_keys:replace_key", args=[key.pk]) in page


def test_permissions_are_listed_with_what_is_missing(adas_browser: Client, ada: User) -> None:
    key = a_key(ada, "limited", stripe_key_id="mk_1SomeKey")
    a_check(key, ALL_GRANTED | {"dispute_read": "missing", "plan_read": "unknown"})

    page = page_of(adas_browser, key)

    assert page.count("check--granted") == 10
    assert page.count("check--missing") == 1
    assert page.count("check--unknown") == 1
    assert f"/b/{ACCOUNT}?destination=%2Ftest%2Fapikeys%2Fmk_1SomeKey%2Fedit" in page
    assert "10 of 12" in page


@pytest.mark.parametrize(
    ("status", "folds"), [("active", False), ("rejected", False), ("expired", True), ("removed", True)]
)
def test_what_an_ended_key_could_do_is_folded_away(
    adas_browser: Client, ada: User, status: str, folds: bool
) -> None:
    key = a_key(ada, status=status)
    a_check(key, ALL_GRANTED)

    page = page_of(adas_browser, key)

    assert ("<summary>What was granted at its last check</summary>" in page) is folds
    assert page.count("<details") == page.count("</details>")


def test_the_timeline_tells_what_happened_without_naming_staff(
    adas_browser: Client, ada: User, ben: User
) -> None:
    key = a_key(ada)
    for actor in (ben.email, "olga@example.com", "Stripe"):
        StatusChange.objects.create(
            key=key, from_status="active", to_status="active", actor=actor, reason=f"Noted {actor[:4]}."
        )

    page = page_of(adas_browser, key)

    assert "The key was pasted." in page
    assert "· you" in page
    assert "· ben@example.com" in page
    assert "olga@example.com" not in page


def test_history_cannot_be_rewritten(ada: User) -> None:
    key = a_key(ada)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        StatusChange.objects.filter(key=key).update(reason="It never happened.")

    key.delete()
    assert not StatusChange.objects.exists()
