"""How keys come, on the pages: the offer, the switch with its screens, a key being made, and what stands in the way."""

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import managed_problems, minting_rows
from stripe_keys.managed import arrangements
from stripe_keys.models import KeyManagement, Minting, PublishableKey, RestrictedKey
from tests.people import a_client_of, merchant_of
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.rows import ACCOUNT, a_key, page_of

pytestmark = pytest.mark.django_db

PAGE = "/stripe/managed/test/"
OFFER = "Let us make and renew the key"


@pytest.fixture
def offered(settings: Settings, ada: User) -> None:
    """Offered in test mode, and Ada's account is connected."""
    settings.MANAGED_KEYS = ["test"]
    bind_account(ada, ACCOUNT)


def seen(browser: Client, address: str = PAGE) -> str:
    """A page's text."""
    return unescape(browser.get(address).content.decode())


def managed(ada: User, **fields: Any) -> KeyManagement:
    """Ada's management of her test keys."""
    place = {"merchant": merchant_of(ada), "livemode": False, "stripe_account_id": ACCOUNT}
    return KeyManagement.objects.create(**place | fields)


def made_key(ada: User, status: str = "active", **fields: Any) -> RestrictedKey:
    """A key that the app made for Ada."""
    return a_key(ada, status, managed_by="app", stripe_key_id="mk_1", stripe_account_id=ACCOUNT, **fields)


# --- The offer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["connect/test/", "paste/test/", "return/?outcome=state&mode=test"])
def test_pages_on_the_way_to_a_key_offer_to_make_it(
    offered: None, adas_browser: Client, address: str
) -> None:
    assert OFFER in seen(adas_browser, f"/stripe/{address}")


def test_list_of_keys_offers_it_beside_pasting(offered: None, adas_browser: Client, ada: User) -> None:
    a_key(ada)

    page = seen(adas_browser, "/stripe/keys/")

    assert OFFER in page
    assert "Paste a new test key" in page


@pytest.mark.parametrize("missing", ["setting", "account"])
def test_nothing_is_offered_before_it_can_be_had(
    settings: Settings, adas_browser: Client, ada: User, missing: str
) -> None:
    a_key(ada)
    settings.MANAGED_KEYS = [] if missing == "setting" else ["test"]
    if missing == "setting":
        bind_account(ada, ACCOUNT)

    pages = [seen(adas_browser, f"/stripe/{each}/") for each in ("keys", "connect/test", "paste/test")]

    assert not [page for page in pages if OFFER in page]
    assert adas_browser.get(PAGE).status_code == (404 if missing == "setting" else 200)


def test_without_an_account_the_page_leads_to_connecting(settings: Settings, adas_browser: Client) -> None:
    settings.MANAGED_KEYS = ["test"]

    page = seen(adas_browser)

    assert "Connect your Stripe account first" in page
    assert "/stripe/connect/test/" in page
    answer = adas_browser.post(f"{PAGE}on/", follow=True)
    assert "Connect your Stripe account in test mode first, on" in answer.content.decode()
    assert not KeyManagement.objects.exists()


# --- The switch ------------------------------------------------------------------------------------------------------


def test_screen_says_what_happens_to_the_pasted_key(offered: None, adas_browser: Client, ada: User) -> None:
    key = a_key(ada)

    page = seen(adas_browser, f"{PAGE}on/")

    assert f"{key.display}</span>, which was pasted, goes on working until the new one is proven." in page
    assert not KeyManagement.objects.exists()


def test_choosing_the_app_has_a_key_made(offered: None, adas_browser: Client) -> None:
    answer = adas_browser.post(f"{PAGE}on/")

    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert Minting.objects.get().reason == "first"
    page = seen(adas_browser)
    assert "A key is being made at Stripe." in page
    assert 'hx-trigger="every 2s"' in page


def test_page_asks_again_only_for_news(offered: None, adas_browser: Client, ada: User) -> None:
    adas_browser.post(f"{PAGE}on/")
    version = seen(adas_browser).partition("?seen=")[2].partition('"')[0]
    htmx = {"HX-Request": "true"}

    same = adas_browser.get(f"{PAGE}status/?seen={version}", headers=htmx)
    Minting.objects.all().delete()
    made_key(ada)
    news = adas_browser.get(f"{PAGE}status/?seen={version}", headers=htmx)

    assert (same.status_code, news.status_code) == (204, 200)
    assert "There is nothing for you to do." in news.content.decode()
    assert "hx-trigger" not in news.content.decode()
    assert adas_browser.get(f"{PAGE}status/")["Location"] == PAGE


def test_bringing_own_keys_leaves_the_apps_key_in_use(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)
    key = made_key(ada)

    screen = seen(adas_browser, f"{PAGE}off/")
    answer = adas_browser.post(f"{PAGE}off/", follow=True)

    assert f"{key.display}</span>, which the app made, goes on working until you have pasted one" in screen
    assert "The one that the app made serves until one of yours is proven." in answer.content.decode()
    assert not KeyManagement.objects.get().is_on


def test_new_key_is_made_on_demand_once(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)
    made_key(ada)

    assert "Make a new key now?" in seen(adas_browser, f"{PAGE}renew/")
    first = adas_browser.post(f"{PAGE}renew/")
    second = adas_browser.post(f"{PAGE}renew/", follow=True)

    assert first.status_code == 303
    assert "A key is being made already" in second.content.decode()
    assert Minting.objects.get().reason == "asked"


@pytest.mark.parametrize("what", ["on", "renew"])
def test_new_keys_are_made_so_often_only(offered: None, adas_browser: Client, ada: User, what: str) -> None:
    is_on = what == "renew"
    management = managed(ada, is_on=is_on)
    for _ in range(minting_rows.ASKED_AT_MOST):
        adas_browser.post(f"{PAGE}{what}/")
        Minting.objects.update(state="done")
        KeyManagement.objects.update(is_on=is_on)

    refused = adas_browser.post(f"{PAGE}{what}/", follow=True).content.decode()

    assert Minting.objects.count() == minting_rows.ASKED_AT_MOST
    assert "You can ask for the next one in 60 minutes." in refused
    KeyManagement.objects.update(is_on=True)
    arrangements.renew(management=management, user=ada, now=timezone.now(), is_ops=True)
    Minting.objects.update(state="done", created_at=timezone.now() - minting_rows.ASKED_WITHIN)
    KeyManagement.objects.update(is_on=is_on)
    adas_browser.post(f"{PAGE}{what}/")
    assert Minting.objects.filter(state="waiting").exists()


@pytest.mark.parametrize("what", ["on", "off", "renew"])
def test_switching_needs_a_recent_sign_in(offered: None, ada: User, what: str) -> None:
    managed(ada, is_on=what != "on")
    browser = a_client_of(ada, seconds_ago=1e6)

    answer = browser.post(f"{PAGE}{what}/")

    assert answer["Location"] == f"{PAGE}{what}/"
    assert KeyManagement.objects.get().is_on is (what != "on")
    assert not Minting.objects.exists()


# --- Pasting meanwhile -----------------------------------------------------------------------------------------------


def test_paste_page_leads_to_the_switch(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)
    key = made_key(ada)

    for address in ("/stripe/paste/test/", f"/stripe/keys/{key.pk}/replace/"):
        page = seen(adas_browser, address)
        assert "The app makes this key" in page
        assert f"{PAGE}off/" in page
        assert "Restricted key</label>" not in page


def test_paste_that_raced_with_the_switch_is_dropped(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)

    answer = adas_browser.post("/stripe/paste/test/", {"key": "rk_test_" + "a" * 40}, follow=True)

    assert "was not stored; nothing was changed" in answer.content.decode()
    assert not RestrictedKey.objects.exists()
    assert adas_browser.get("/stripe/paste/live/").status_code == 200


# --- What stands in the way, and what is there -----------------------------------------------------------------------


def test_each_reason_is_a_sentence_with_a_way_out(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)
    for code in managed_problems.FOR_MERCHANTS.keys() - {managed_problems.SWITCHED_OFF}:
        KeyManagement.objects.update(problem=code)

        page = seen(adas_browser)

        assert managed_problems.FOR_MERCHANTS[code] in page
        assert "Try again now" in page, code
        assert f'href="{PAGE}off/">Bring your own key' in page, code


def test_where_it_is_offered_no_more_the_way_back_stays(
    offered: None, adas_browser: Client, ada: User, settings: Settings
) -> None:
    managed(ada)
    settings.MANAGED_KEYS = []

    page = seen(adas_browser)
    adas_browser.post(f"{PAGE}renew/")
    adas_browser.post(f"{PAGE}off/")

    assert "This is not offered in test mode any more, so no new key is made." in page
    assert "Make a new key now" not in page
    assert not KeyManagement.objects.get().is_on
    assert not Minting.objects.exists()


def test_publishable_key_can_be_copied(offered: None, adas_browser: Client, ada: User) -> None:
    managed(ada)
    PublishableKey.objects.create(
        merchant=merchant_of(ada),
        livemode=False,
        stripe_account_id=ACCOUNT,
        stripe_key_id="mk_2",
        text="pk_test_OfAda",
    )

    assert '<code class="copyable breakable">pk_test_<span>OfAda</span></code>' in seen(adas_browser)


def test_eve_sees_nothing_of_it(offered: None, eves_browser: Client, ada: User) -> None:
    managed(ada)
    key = made_key(ada)

    page = seen(eves_browser)

    assert ACCOUNT not in page
    assert key.display not in page
    assert "Connect your Stripe account first" in page


def test_key_says_who_made_it(offered: None, adas_browser: Client, bens_browser: Client, ada: User) -> None:
    pasted = a_key(ada, "replaced")
    made = made_key(ada)

    assert "Made and renewed by the app" in page_of(adas_browser, made)
    assert "Pasted by you" in page_of(adas_browser, pasted)
    assert "Pasted by a colleague" in page_of(bens_browser, pasted)
