"""A key's page while its check is under way: the news is read out, and a lost session is a page of its own."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import on_the_site as site
from tests.browser.stage import Cast
from tests.simulator import SimulatorAdmin

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def checking_page(page: Page, cast: Cast, at_stripes: SimulatorAdmin) -> Page:
    """Ada on the page of a key about which Stripe does not answer as long as it has that fault."""
    site.be_signed_in(page, cast.owner())
    key = at_stripes.create_key(at_stripes.create_account())
    at_stripes.add_fault("slow", key=key["id"], path="/v1/account", seconds=3600)
    site.paste(page, str(key["token"]))
    expect(page.locator("[hx-trigger]")).to_be_visible()
    return page


def test_the_result_is_read_out_and_the_focus_stays(checking_page: Page, at_stripes: SimulatorAdmin) -> None:
    page = checking_page
    remove = page.get_by_role("link", name="Remove this key")
    remove.focus()

    at_stripes.clear_faults()

    expect(
        page.get_by_role("status").filter(has_text="The check is done: Your answer needed.")
    ).to_be_attached()
    expect(remove).to_be_focused()
    expect(page.locator("[hx-trigger]")).to_have_count(0)


def test_a_session_that_ends_meanwhile_leads_to_signing_in(checking_page: Page) -> None:
    page = checking_page

    page.context.clear_cookies()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("#key-status")).to_have_count(0)
