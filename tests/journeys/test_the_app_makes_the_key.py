"""Ada lets the app make her key instead of pasting one, watches it being made, and goes back to her own."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import in_the_dashboard as dashboard
from tests.browser import looks
from tests.browser import on_the_site as site
from tests.browser.stage import Cast

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_ada_lets_the_app_make_her_key_and_goes_back(page: Page, cast: Cast) -> None:
    site.be_signed_in(page, cast.owner())
    page.goto("/stripe/connect/test/")
    page.get_by_role("button", name="Continue to Stripe").click()
    dashboard.install(page)
    page.get_by_role("link", name="Let us make and renew the key").click()
    expect(page.get_by_role("heading", name="Let us make and renew the key?")).to_be_visible()
    asked = looks.faults_of(page)

    page.get_by_role("button", name="Let us make and renew the key").click()
    expect(page.locator("p.lead")).to_contain_text("There is nothing for you to do.")  # brought by htmx
    made = looks.faults_of(page)
    page.get_by_role("link", name="rk_test_").click()
    site.expect_key_to_be(page, "Active")
    page.get_by_role("link", name="Made and renewed by the app").click()
    page.get_by_role("link", name="Bring my own keys").click()
    page.get_by_role("button", name="Bring my own keys").click()

    expect(page.locator("p.lead")).to_contain_text("serves until one of yours is proven")
    assert (asked, made, looks.faults_of(page)) == ([], [], [])
