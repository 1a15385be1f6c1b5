"""Where another app makes keys: it is offered for installing until it is there, and only then to make one."""

from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import app_installs, managed_problems
from stripe_keys.models import KeyManagement, StripeInstall
from tests.people import merchant_of
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.rows import ACCOUNT
from tests.stripe_keys.test_installs import signed_query

pytestmark = pytest.mark.django_db
INSTALL, OFFER = "Install the app that makes keys", "Or let us make the key"


@pytest.fixture(autouse=True)
def two_apps(settings: Settings, ada: User) -> None:
    """One app's keys are pasted, another makes keys in test mode; Ada's account is connected."""
    settings.STRIPE_APP_OBJECT_ID = "app_1SimulatedPartnerApp"
    settings.STRIPE_MANAGED_APP_OBJECT_ID = "app_1SimulatedSecondApp"
    settings.STRIPE_MANAGED_APP_ID = "com.example.second"
    settings.MANAGED_KEYS = ["test"]
    bind_account(ada, ACCOUNT)


def offers(browser: Client) -> list[str]:
    """Which of the two the connect page offers."""
    page = unescape(browser.get("/stripe/connect/test/").content.decode())
    return [offer for offer in (INSTALL, OFFER) if offer in page]


def it_came() -> None:
    app_installs.note_came(StripeInstall.objects.get(), "managing", timezone.now())


def is_chosen(ada: User, problem: str = "") -> None:
    place = {"merchant": merchant_of(ada), "livemode": False, "stripe_account_id": ACCOUNT}
    KeyManagement.objects.create(**place, problem=problem)


def test_it_is_installed_first(adas_browser: Client) -> None:
    assert offers(adas_browser) == [INSTALL]
    assert OFFER not in adas_browser.get("/stripe/paste/test/").content.decode()


def test_once_it_is_there_it_may_make_the_key(adas_browser: Client) -> None:
    it_came()

    assert offers(adas_browser) == [OFFER]


def test_nothing_is_offered_of_an_app_that_makes_the_keys(adas_browser: Client, ada: User) -> None:
    is_chosen(ada)

    assert offers(adas_browser) == []


def test_it_is_offered_again_where_stripe_misses_it(adas_browser: Client, ada: User) -> None:
    it_came()
    is_chosen(ada, managed_problems.NOT_INSTALLED)

    assert offers(adas_browser) == [INSTALL]


def test_what_another_merchant_has_installed_does_nothing(eves_browser: Client) -> None:
    it_came()

    assert offers(eves_browser) == [INSTALL]


def test_whoever_installs_it_anew_while_it_makes_the_keys_has_no_step_left(
    adas_browser: Client, ada: User, settings: Settings
) -> None:
    is_chosen(ada)
    leaving = adas_browser.post("/stripe/connect/test/", {"app": "managing"})
    state = parse_qs(urlsplit(leaving["Location"]).query)["state"][0]

    back = adas_browser.get("/stripe/return/", signed_query(settings, state), follow=True)

    assert back.redirect_chain[0][0] == "/stripe/managed/test/"
    assert "is connected in test mode." in back.content.decode()
    assert "One step is left" not in back.content.decode()
