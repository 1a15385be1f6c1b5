"""Olga of ops signs in with her code, finds Ada's key at the desk and suspends it."""

import pytest
from playwright.sync_api import Page, expect

from local_stack.processes import Stack
from local_stack.totp import fresh_totp_secret
from tests.browser import on_the_site as site
from tests.browser.stage import Cast, add_staff
from tests.browser.visits import Visits
from tests.people import PASSWORD
from tests.simulator import SimulatorAdmin

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def olgas_secret(stack: Stack) -> str:
    """Olga may enter the desk (with the ops group's rights, no more); what her authenticator app knows."""
    secret = fresh_totp_secret()
    add_staff(stack, "olga@example.com", password=PASSWORD, totp_secret=secret)
    return secret


def bring_a_key(page: Page, cast: Cast, at_stripes: SimulatorAdmin) -> tuple[str, str, str]:
    """Ada's address, her key's account and its last four characters."""
    ada, account = cast.owner(), at_stripes.create_account("Ada's Lamps")
    key = str(at_stripes.create_key(account)["token"])
    site.be_signed_in(page, ada)
    site.paste(page, key)
    page.get_by_role("button", name="Yes, it is ours").click()
    site.expect_key_to_be(page, "Active")
    return ada.email, account, key[-4:]


def test_olga_suspends_a_key_and_its_merchant_is_told(
    visit: Visits, cast: Cast, stack: Stack, at_stripes: SimulatorAdmin, olgas_secret: str
) -> None:
    adas_page, desk = visit(), visit()
    adas_email, account, last4 = bring_a_key(adas_page, cast, at_stripes)

    site.sign_in_to_ops(desk, email="olga@example.com", password=PASSWORD, totp_secret=olgas_secret)
    desk.get_by_role("link", name="Restricted keys").first.click()
    desk.locator("#searchbar").fill(account)
    desk.get_by_role("button", name="Search").click()
    expect(desk.get_by_text("1 result")).to_be_visible()
    desk.get_by_role("link", name=last4).click()
    desk.get_by_role("button", name="Suspend …").click()
    desk.get_by_role("button", name="Suspend", exact=True).click()

    expect(desk.get_by_text("1 of 1 suspended.")).to_be_visible()
    site.expect_after_reloading(adas_page, "Suspended")
    site.mail_to(stack, adas_email, about="suspended")
