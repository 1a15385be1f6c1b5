"""What becomes of those who do not follow the main path: no redirect, a no at Stripe, the wrong thing pasted."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import in_the_dashboard as dashboard
from tests.browser import on_the_site as site
from tests.browser.stage import Cast
from tests.browser.visits import Visits
from tests.people import a_restricted_key, a_secret_key
from tests.simulator import SimulatorAdmin

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def adas_page(page: Page, cast: Cast) -> Page:
    """Ada, signed in, on her list of keys."""
    site.be_signed_in(page, cast.owner())
    return page


def go_to_install_page(page: Page) -> None:
    page.goto("/stripe/connect/test/")
    page.get_by_role("button", name="Continue to Stripe").click()


def test_a_key_of_an_install_that_nobody_saw_is_asked_about(adas_page: Page) -> None:
    page = adas_page
    go_to_install_page(page)
    dashboard.install(page, returns=False)
    key = dashboard.view_key(page)
    account = page.locator("#account-id").inner_text()

    site.paste(page, key)

    expect(page.get_by_role("heading", name=f"Is acct_…{account[-4:]} your Stripe account?")).to_be_visible()
    expect(page.locator(".card--question")).to_contain_text(account)
    expect(page.locator(".check")).to_have_count(0)
    page.get_by_role("button", name="Yes, it is ours").click()
    site.expect_key_to_be(page, "Active")


def test_who_says_that_the_account_is_not_theirs_connects_nothing(
    adas_page: Page, at_stripes: SimulatorAdmin
) -> None:
    account = at_stripes.create_account("Somebody else's shop")
    site.paste(adas_page, str(at_stripes.create_key(account)["token"]))

    adas_page.get_by_role("button", name="No, remove the key").click()

    site.expect_key_to_be(adas_page, "Removed")
    expect(adas_page.get_by_text("Nothing was connected.")).to_be_visible()


def test_a_no_at_stripe_is_explained(adas_page: Page) -> None:
    go_to_install_page(adas_page)

    adas_page.get_by_role("button", name="Deny").click()

    expect(adas_page.get_by_role("heading", name="You declined in Stripe")).to_be_visible()
    assert adas_page.url.endswith("/stripe/return/?outcome=denied&mode=test")
    adas_page.get_by_role("link", name="Start again").click()
    expect(adas_page.get_by_role("heading", name="Connect in test mode")).to_be_visible()


def test_a_full_access_key_is_refused_in_its_own_words_and_not_shown_again(
    adas_page: Page, visit: Visits
) -> None:
    pasted = a_secret_key()

    visit.allow(adas_page, 422)
    site.paste(adas_page, pasted)

    problem = adas_page.locator(".field--error")
    expect(problem).to_contain_text("This is a full-access secret key")
    expect(site.key_field(adas_page)).to_have_value("")
    expect(site.key_field(adas_page)).to_be_focused()
    assert pasted not in adas_page.content()


@pytest.mark.parametrize("how", ["a good key", "a bad key", "left before it was sent"])
def test_the_back_button_finds_an_empty_field(adas_page: Page, visit: Visits, how: str) -> None:
    page = adas_page
    visit.allow(page, 422)
    page.goto("/stripe/paste/test/")
    site.key_field(page).fill(a_secret_key() if how == "a bad key" else a_restricted_key())
    if how == "left before it was sent":
        page.get_by_role("link", name="Stripe keys", exact=True).first.click()
    else:
        site.send(page)
        expect(page.locator(".field--error, .key-head")).to_be_visible()

    page.go_back()

    expect(page).to_have_url(re.compile("/stripe/paste/test/$"))
    expect(site.key_field(page)).to_have_value("")


def test_a_key_of_the_other_mode_finds_its_page(adas_page: Page, visit: Visits) -> None:
    visit.allow(adas_page, 422)
    site.paste(adas_page, a_restricted_key(livemode=True))

    adas_page.get_by_role("link", name="Go to the page for live keys").click()

    expect(adas_page).to_have_url(re.compile("/stripe/paste/live/$"))
    expect(site.key_field(adas_page)).to_have_value("")
