"""The way to Stripe and back through the browser: what is promised, what binds, and what each failure says."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings

from accounts.models import User
from stripe_keys import permissions
from stripe_keys.models import InstallState, StripeInstall
from tests.people import merchant_of
from tests.stripe_keys.keys import bind_account
from tests.stripe_keys.test_installs import ACCOUNT, signed_query

RETURN = "/stripe/return/"
pytestmark = pytest.mark.django_db


def begin(browser: Client, mode: str = "test") -> str:
    """Press the button on the connect page; returns the state that travels to Stripe."""
    response = browser.post(f"/stripe/connect/{mode}/")
    assert response.status_code == 303
    return parse_qs(urlsplit(response["Location"]).query)["state"][0]


def come_back(browser: Client, query: dict[str, str]) -> Any:
    """Arrive with Stripe's query, and follow to the page that is shown."""
    first = browser.get(RETURN, query)
    assert first.status_code == 303
    assert not {"state", "install_signature", "account_id", "user_id"} & set(
        parse_qs(urlsplit(first["Location"]).query)
    )
    return browser.get(first["Location"])


@pytest.mark.parametrize("mode", ["live", "test"])
def test_connect_lists_every_permission_with_its_purpose(adas_browser: Client, mode: str) -> None:
    page = adas_browser.get(f"/stripe/connect/{mode}/").content.decode()

    for one in permissions.required():
        assert escape(one.purpose) in page
        assert f"rak_{one.permission}" in page  # in the link to the form that makes a key by hand
    assert f"Connect in {mode} mode" in page
    assert "Restricted key" in page
    assert "Secret key" in page
    assert reverse("stripe_keys:paste_key", args=[mode]) in page


def test_connect_leads_to_stripe_with_a_state(adas_browser: Client, settings: Settings) -> None:
    response = adas_browser.post("/stripe/connect/live/")

    assert response.status_code == 303
    assert response["Location"].startswith(f"{settings.STRIPE_INSTALL_BASE}/")
    assert InstallState.objects.get().livemode


def test_other_modes_do_not_exist(adas_browser: Client) -> None:
    assert adas_browser.get("/stripe/connect/prod/").status_code == 404


def test_a_signed_return_binds_and_asks_for_the_key(adas_browser: Client, settings: Settings) -> None:
    page = come_back(adas_browser, signed_query(settings, begin(adas_browser)))

    assert page.request["PATH_INFO"] == "/stripe/paste/test/"
    assert f"acct_…{ACCOUNT[-4:]} is connected in test mode" in page.content.decode()
    assert StripeInstall.objects.get().stripe_account_id == ACCOUNT


def test_an_unsigned_return_binds_nothing_but_goes_on(adas_browser: Client) -> None:
    page = come_back(adas_browser, {"state": begin(adas_browser), "account_id": ACCOUNT, "livemode": "false"})

    assert page.request["PATH_INFO"] == "/stripe/paste/test/"
    assert "the app is installed" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_a_refusal_at_stripe_is_explained(adas_browser: Client) -> None:
    page = come_back(adas_browser, {"state": begin(adas_browser), "error": "access_denied"})

    assert "You declined in Stripe" in page.content.decode()
    assert reverse("stripe_keys:connect", args=["test"]) in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_a_wrong_signature_binds_nothing(adas_browser: Client, settings: Settings) -> None:
    query = signed_query(settings, begin(adas_browser)) | {"account_id": "acct_1SomebodyElse99"}

    page = come_back(adas_browser, query)

    assert "could not verify" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_the_other_mode_is_named(adas_browser: Client, settings: Settings) -> None:
    page = come_back(adas_browser, signed_query(settings, begin(adas_browser), livemode="true"))

    assert "installed in the other mode" in page.content.decode()
    assert "You started in test mode" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_a_state_works_once(adas_browser: Client, settings: Settings) -> None:
    query = signed_query(settings, begin(adas_browser))
    come_back(adas_browser, query)
    StripeInstall.objects.all().delete()

    page = come_back(adas_browser, query)

    assert "no longer valid" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_a_state_of_somebody_else_is_no_good(
    adas_browser: Client, eves_browser: Client, settings: Settings
) -> None:
    page = come_back(eves_browser, signed_query(settings, begin(adas_browser)))

    assert "no longer valid" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_an_old_state_is_no_good(adas_browser: Client, settings: Settings) -> None:
    state = begin(adas_browser)
    InstallState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    page = come_back(adas_browser, signed_query(settings, state))

    assert "no longer valid" in page.content.decode()


def test_an_account_that_is_connected_elsewhere_is_refused(
    adas_browser: Client, eve: User, settings: Settings
) -> None:
    bind_account(eve, ACCOUNT)

    page = come_back(adas_browser, signed_query(settings, begin(adas_browser)))

    assert "connected elsewhere" in page.content.decode()
    assert StripeInstall.objects.get().merchant == merchant_of(eve)


def test_a_return_that_nobody_started_binds_nothing(adas_browser: Client, settings: Settings) -> None:
    query = signed_query(settings, "")
    del query["state"]

    page = come_back(adas_browser, query)

    assert "Did you install the app?" in page.content.decode()
    assert not StripeInstall.objects.exists()


def test_a_bare_return_says_what_to_do(adas_browser: Client) -> None:
    response = adas_browser.get(RETURN)

    assert response.status_code == 200
    assert reverse("stripe_keys:paste_key", args=["live"]) in response.content.decode()


@pytest.mark.parametrize("outcome", ["<script>alert(1)</script>", "nonsense", ""])
def test_an_invented_outcome_is_not_echoed(adas_browser: Client, outcome: str) -> None:
    response = adas_browser.get(RETURN, {"outcome": outcome, "mode": "<b>"})

    assert response.status_code == 200
    assert "Did you install the app?" in response.content.decode()
    assert "<script>alert" not in response.content.decode()
