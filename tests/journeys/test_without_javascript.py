"""The whole way to a working key in a browser that runs no scripts."""

import pytest
from playwright.sync_api import expect

from tests.browser import in_the_dashboard as dashboard
from tests.browser import on_the_site as site
from tests.browser.stage import Cast
from tests.browser.visits import Visits

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_a_key_becomes_active_without_javascript(visit: Visits, cast: Cast) -> None:
    page = visit(javascript=False)
    site.sign_in(page, cast.owner())

    page.get_by_role("link", name="Try it in test mode first").click()
    page.get_by_role("button", name="Continue to Stripe").click()
    dashboard.install(page)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="App settings in Stripe").click()
    key = dashboard.view_key(opened.value)
    expect(opened.value.get_by_role("button", name="Copy")).to_have_count(0)  # it would need scripts
    site.key_field(page).fill(key)
    site.send(page)

    site.expect_key_to_be(page, "Active")
    expect(page.locator(".check--granted")).to_have_count(12)
