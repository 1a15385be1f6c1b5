"""The proof page: what was erased, when, and how far the deletion ledger is."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import lifecycle, services
from stripe_keys.models import LedgerEntry, RestrictedKey
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.erasing.closings import ACCOUNT, ERASED, a_serving_key, close
from tests.stripe_keys.keys import paste
from tests.stripe_keys.rows import a_key, page_of

pytestmark = pytest.mark.django_db


def proof(browser: Client, **query: str) -> str:
    return unescape(browser.get(ERASED, query).content.decode())


def settle_ledger(at: datetime) -> None:
    LedgerEntry.objects.update(state="done", finished_at=at)


def test_without_an_ended_key_it_says_so(ada: User, adas_browser: Client) -> None:
    key = a_serving_key(ada)

    page = proof(adas_browser)

    assert "Nothing was erased yet" in page
    assert key.display not in page


def test_a_removed_key_is_proven_to_be_erased(ada: User, adas_browser: Client) -> None:
    key = a_serving_key(ada)
    services.remove(key=key, user=ada, now=timezone.now())
    change = key.status_changes.first()
    assert change is not None

    waiting = proof(adas_browser)
    settle_ledger(datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC))
    written = proof(adas_browser)

    for words in (
        key.display,
        "Removed",
        "It was removed here. The merchant removed it.".replace(". The", '. <span class="muted">The'),
        f"{change.at:%H:%M:%S} UTC",
        "Deleted in the same moment",
        "keyed fingerprint",
        "30 days",
    ):
        assert words in waiting, words
    assert "Being written; reload in a moment" in waiting
    assert "Written 4 March 2027, 05:06:07 UTC" in written
    assert "Being written" not in written


@pytest.mark.parametrize(
    ("status", "because"),
    [
        ("expired", "Stripe ended it"),
        ("replaced", "It was replaced"),
        ("rejected", "It never came into use"),
    ],
)
def test_each_end_is_told_in_words(ada: User, adas_browser: Client, status: str, because: str) -> None:
    before = "pending" if status == "rejected" else "active"
    key = a_key(ada, before, stripe_account_id=ACCOUNT)
    lifecycle.move(key, status, actor="Stripe", reason="For a good reason.")

    page = proof(adas_browser)

    assert because in page
    assert "For a good reason." in page
    assert "No entry" in page, "there was no envelope to erase"


def test_it_is_linked_from_the_list_and_from_each_ended_key(ada: User, adas_browser: Client) -> None:
    kept, ended = a_key(ada), a_key(ada, "removed")

    assert f'href="{ERASED}"' in unescape(adas_browser.get("/stripe/keys/").content.decode())
    assert f'href="{ERASED}#key-{ended.pk}"' in page_of(adas_browser, ended)
    assert f'id="key-{ended.pk}"' in proof(adas_browser)
    assert ERASED not in page_of(adas_browser, kept)


def test_the_backups_lifetime_is_the_configured_one(adas_browser: Client, settings: Settings) -> None:
    settings.BACKUP_LIFETIME_DAYS = 17

    assert "17 days" in proof(adas_browser)


def test_keys_that_a_thief_tries_look_all_the_same(ada: User, eve: User, adas_browser: Client) -> None:
    stolen = a_restricted_key()
    paste(eve, stolen)
    of_eve = rejected(paste(ada, stolen))
    refused = rejected(paste(ada, a_restricted_key()))
    early = proof(adas_browser)
    RestrictedKey.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    settle_ledger(timezone.now())

    page = proof(adas_browser)
    of_each = [card_of(page, key) for key in (of_eve, refused)]

    assert "<article" not in early
    assert of_each[0] == of_each[1]
    assert "Stripe refused" not in page
    for telling in ("Ended</dt>", "Encrypted form</dt>", "erased it", "Not stored"):
        assert telling not in of_each[0], telling
    assert "Stored here</dt><dd>No" in of_each[0]
    assert "ledger</dt>" not in page.partition("<aside")[0]


def rejected(key: RestrictedKey) -> RestrictedKey:
    lifecycle.move(
        key, "rejected", actor="Stripe", reason="Stripe refused this key.", last_problem="not_usable"
    )
    return key


def card_of(page: str, key: RestrictedKey) -> str:
    """A key's card without what is its own anyway."""
    card = page.partition(f'id="key-{key.pk}"')[2].partition("</article>")[0]
    assert card
    return card.replace(str(key.pk), "").replace(key.display, "")


def test_after_closing_it_says_what_is_left_and_links_to_no_key(
    ada: User, ben: User, bens_browser: Client
) -> None:
    key = a_serving_key(ada)
    close(ada)
    settle_ledger(datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC))

    page = proof(bens_browser)

    for words in (
        "This account is closed",
        key.display,
        "The account was closed.",
        "What you can still do",
        "Removed keys may still work at Stripe",
        "/test/apikeys",
        "Sign out",
    ):
        assert words in page, words
    assert page.count("Written 4 March 2027, 05:06:07 UTC") == 2
    assert f"/stripe/keys/{key.pk}/" not in page
    assert 'href="/stripe/keys/"' not in page


def test_a_closed_merchant_who_never_had_a_key(ada: User, adas_browser: Client) -> None:
    close(ada)

    assert "No key was ever stored" in proof(adas_browser)


@pytest.mark.parametrize("page", ["2", "99", "x", "-1", ""])
def test_many_keys_come_page_by_page(ada: User, adas_browser: Client, page: str) -> None:
    for number in range(52):
        a_key(ada, "removed", minutes_ago=number, last4=f"{number:04}")

    shown = proof(adas_browser, page=page)

    assert shown.count("<article") == (2 if page in ("2", "99", "-1") else 50)
    assert ("Older" in shown, "Newer" in shown) == (
        (False, True) if page in ("2", "99", "-1") else (True, False)
    )


def test_many_keys_cost_no_more_queries(ada: User, adas_browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            proof(adas_browser)
        return len(captured)

    a_key(ada, "removed")
    few = queries()
    for _ in range(10):
        a_key(ada, "removed")

    assert queries() == few


def test_who_has_no_merchant_gets_404(olgas_browser: Client, client: Client) -> None:
    answers: list[Any] = [olgas_browser.get(ERASED), olgas_browser.post(ERASED)]

    assert [answer.status_code for answer in answers] == [404, 405]
    assert client.get(ERASED).headers["Location"].startswith("/accounts/login/")


def test_nothing_of_another_merchant(ada: User, eves_browser: Client) -> None:
    key = a_key(ada, "removed")

    page = proof(eves_browser)

    assert key.display not in page
    assert merchant_of(ada).name not in page
