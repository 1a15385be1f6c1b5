"""The page that leads from a secret key to restricted keys: each step's state, and what may be said on it."""

import logging
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import User
from stripe_keys import permissions, secret_key_check, secret_key_migration
from stripe_keys.models import SecretKeyMigration
from tests import people
from tests.people import merchant_of
from tests.stripe_keys.rows import a_key

pytestmark = pytest.mark.django_db

PAGE = "/stripe/migrate/"
DEAD, MISTAKE, NAME = f"{PAGE}live/dead/", f"{PAGE}live/mistake/", f"{PAGE}live/key/"


def shown(browser: Client) -> str:
    return unescape(browser.get(PAGE).content.decode())


def states(browser: Client) -> list[str]:
    return re.findall(r'walk__step walk__step--(\w+)"', shown(browser))


def retired(user: User, *, livemode: bool = True) -> None:
    secret_key_migration.confirm_dead(
        merchant=merchant_of(user), livemode=livemode, user=user, now=timezone.now()
    )


def test_newcomer_begins_with_what_we_call(adas_browser: Client) -> None:
    text = shown(adas_browser)

    assert states(adas_browser) == ["now", "later", "later", "later"]
    assert text.count('aria-current="step"') == 1
    assert all(one.purpose in text for one in permissions.required())
    assert "/stripe/connect/test/" in text


@pytest.mark.parametrize(
    ("test_key", "live_key", "is_dead", "expected"),
    [
        ("pending", "", False, "done now later later"),
        ("limited", "", False, "done now later later"),
        ("active", "", False, "done done now later"),
        ("active", "pending", False, "done done now later"),
        ("", "active", False, "done skipped done now"),
        ("active", "active", False, "done done done now"),
        ("active", "active", True, "done done done done"),
        ("active", "", True, "done done now done"),
        ("removed", "rejected", False, "now later later later"),
    ],
)
def test_steps_are_read_from_facts(  # noqa: PLR0917
    ada: User, adas_browser: Client, test_key: str, live_key: str, is_dead: bool, expected: str
) -> None:
    for status, livemode in ((test_key, False), (live_key, True)):
        if status:
            a_key(ada, status, livemode=livemode)
    if is_dead:
        retired(ada)

    assert states(adas_browser) == expected.split()


def test_key_that_support_suspended_is_not_done(ada: User, adas_browser: Client) -> None:
    a_key(ada, "active", suspended_at=timezone.now())

    assert states(adas_browser)[1] == "now"
    assert "Suspended" in shown(adas_browser)


def test_keys_of_other_merchants_and_other_purposes_do_nothing(
    ada: User, eve: User, adas_browser: Client
) -> None:
    a_key(eve, "active", livemode=True)
    a_key(ada, "active", livemode=True, purpose="reporting")
    retired(eve)

    assert states(adas_browser) == ["now", "later", "later", "later"]


def test_command_and_each_part_of_it_are_shown(adas_browser: Client) -> None:
    text = shown(adas_browser)

    assert f"<code>{secret_key_check.command()}</code>" in text
    for piece in secret_key_check.pieces():
        assert piece.text in text
        assert piece.why in text


def test_merchant_says_that_it_printed_dead(ada: User, bens_browser: Client, ben: User) -> None:
    answer = bens_browser.post(DEAD, {"printed": "dead", "note": "anything"})

    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}#retire")
    assert SecretKeyMigration.objects.get(livemode=True).proven_by == ben
    assert "You asked Stripe with it" in shown(bens_browser)
    assert f"{ben.email}</span> asked Stripe with it" in shown(people.a_client_of(ada))


@pytest.mark.parametrize("printed", ["", "alive", "unclear", "DEAD"])
def test_anything_else_that_it_printed_records_nothing(adas_browser: Client, printed: str) -> None:
    adas_browser.post(DEAD, {"printed": printed})

    assert not SecretKeyMigration.objects.exists()


def test_mistake_is_taken_back_and_stays_visible(ada: User, adas_browser: Client) -> None:
    retired(ada)

    answer = adas_browser.post(MISTAKE)

    assert answer.status_code == 303
    assert "A mistake: called dead by you" in shown(adas_browser)
    assert "Not known to be dead" in shown(adas_browser)


def test_event_is_shown_as_the_proof(ada: User, adas_browser: Client) -> None:
    now = timezone.now()
    SecretKeyMigration.objects.create(
        merchant=merchant_of(ada), livemode=True, stripe_key_id="mk_1TheOldSecretKey", proof="event",
        event_id="evt_1TheEnd", retired_at=now, proven_at=now,
    )  # fmt: skip

    assert "Stripe reported its end" in shown(adas_browser)
    assert "evt_1TheEnd" in shown(adas_browser)


def test_key_is_named_by_four_characters_and_its_id(adas_browser: Client) -> None:
    adas_browser.post(NAME, {"last4": "4dea", "stripe_key_id": "mk_1TheOldSecretKey"})

    row = SecretKeyMigration.objects.get()
    assert (row.livemode, row.last4, row.stripe_key_id) == (True, "4dea", "mk_1TheOldSecretKey")
    assert "sk_live_…4dea</span>" in shown(adas_browser)


@pytest.mark.parametrize("field", ["last4", "stripe_key_id"])
def test_pasted_key_is_dropped_and_shown_nowhere(
    adas_browser: Client, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = people.a_secret_key(livemode=True)
    with caplog.at_level(logging.DEBUG):
        answer = adas_browser.post(NAME, {field: key})

    assert answer.status_code == 422
    assert "We did not keep it" in unescape(answer.content.decode())
    for place in (answer.content.decode(), caplog.text, str([vars(one) for one in caplog.records])):
        assert not [key[start : start + 12] for start in range(8, 90, 4) if key[start : start + 12] in place]
    assert not SecretKeyMigration.objects.exists()
    assert "a key was put where its name was asked for" in [one.getMessage() for one in caplog.records]


def test_id_of_a_key_in_use_here_is_explained(ada: User, adas_browser: Client) -> None:
    a_key(ada, "active", livemode=True, stripe_key_id="mk_1InUseHere0000")

    answer = adas_browser.post(NAME, {"stripe_key_id": "mk_1InUseHere0000"})

    assert answer.status_code == 422
    assert "a restricted key that you use here" in answer.content.decode()


def test_key_that_is_dead_is_not_named_anew(ada: User, adas_browser: Client) -> None:
    retired(ada)

    answer = adas_browser.post(NAME, {"last4": "4dea"})

    assert "recorded as dead already" in messages_of(answer)
    assert SecretKeyMigration.objects.get().last4 == ""


def messages_of(answer: Any) -> str:
    return " ".join(str(one) for one in get_messages(answer.wsgi_request))


@pytest.mark.parametrize("address", [DEAD, MISTAKE, NAME])
def test_looking_at_an_address_of_a_form_leads_to_the_page(adas_browser: Client, address: str) -> None:
    assert adas_browser.get(address)["Location"] == f"{PAGE}#retire"
    assert not SecretKeyMigration.objects.exists()


def test_old_keys_are_the_merchants_own(ada: User, eves_browser: Client) -> None:
    secret_key_migration.name_key(
        merchant=merchant_of(ada), livemode=True, last4="4dea", stripe_key_id="mk_1TheOldSecretKey"
    )
    retired(ada)

    eves_browser.post(MISTAKE)

    assert "mk_1TheOldSecretKey" not in shown(eves_browser)
    assert SecretKeyMigration.objects.get(merchant=merchant_of(ada)).is_retired


def test_refused_secret_key_leads_here(adas_browser: Client) -> None:
    answer = adas_browser.post("/stripe/paste/live/", {"key": people.a_secret_key(livemode=True)})
    other = adas_browser.post("/stripe/paste/live/", {"key": "nonsense"})

    assert answer.status_code == 422
    assert f'href="{PAGE}"' in answer.content.decode()
    assert f'href="{PAGE}"' not in other.content.decode()


def test_list_of_keys_asks_quietly(adas_browser: Client) -> None:
    assert (
        f'href="{PAGE}">Do you use a secret key elsewhere?'
        in adas_browser.get("/stripe/keys/").content.decode()
    )


@pytest.mark.parametrize("address", [DEAD, MISTAKE, NAME])
def test_saying_anything_of_the_old_key_needs_a_recent_sign_in(ada: User, address: str) -> None:
    if address == MISTAKE:
        retired(ada)
    before = list(SecretKeyMigration.objects.values())
    browser, key = people.a_client_of(ada, seconds_ago=1e6), people.a_secret_key(livemode=True)

    answer = browser.post(address, {"printed": "dead", "last4": "4dea", "stripe_key_id": key})

    assert answer["Location"] == address
    assert list(SecretKeyMigration.objects.values()) == before
    assert "/reauthenticate/" in browser.get(address)["Location"]
    assert key not in str(dict(browser.session))
