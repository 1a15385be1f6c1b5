"""The switch to the app's keys from a tab that is no longer true: nothing is made, and the page says why."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from stripe_keys.models import KeyManagement, Minting
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.managed.test_managed_pages import PAGE, made_key, managed
from tests.stripe_keys.rows import ACCOUNT, a_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def offered(settings: Settings, ada: User) -> None:
    """Offered in test mode, and Ada's account is connected."""
    settings.MANAGED_KEYS = ["test"]
    bind_account(ada, ACCOUNT)


def test_the_switch_from_a_stale_tab_makes_no_other_key(adas_browser: Client, ada: User) -> None:
    management = managed(ada)
    made_key(ada)

    answer = adas_browser.post(f"{PAGE}on/", follow=True)

    assert "The app makes and renews the test keys already." in answer.content.decode()
    assert not Minting.objects.exists()
    assert KeyManagement.objects.get().chosen_at == management.chosen_at


@pytest.mark.parametrize("livemode", [False, True], ids=["with-key", "without-key"])
def test_the_list_offers_nothing_that_is_offered_no_more(
    adas_browser: Client, ada: User, settings: Settings, livemode: bool
) -> None:
    managed(ada, is_on=False)
    a_key(ada, livemode=livemode)
    settings.MANAGED_KEYS = []

    assert "Let us make and renew the key" not in adas_browser.get("/stripe/keys/").content.decode()


def test_the_switch_where_it_is_offered_no_more_says_so(
    adas_browser: Client, ada: User, settings: Settings
) -> None:
    managed(ada, is_on=False)
    settings.MANAGED_KEYS = []

    answer = adas_browser.post(f"{PAGE}on/", follow=True)

    assert "This is not offered in test mode any more. Nothing was changed." in answer.content.decode()
    assert not KeyManagement.objects.get().is_on
