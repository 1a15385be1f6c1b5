"""Ada signs up, connects, pastes a key and watches it; Stripe rotates it, then ends it; she hears of everything."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from local_stack.processes import Stack
from tests.browser import in_the_dashboard as dashboard
from tests.browser import on_the_site as site
from tests.browser.visits import Visits
from tests.people import PASSWORD, some_letters
from tests.simulator import SimulatorAdmin

pytestmark = [pytest.mark.browser, pytest.mark.processes]

NOTE_PROGRESS = """
window.isStillTheSamePage = true;
window.seen = [];
const note = () => window.seen.push(document.querySelectorAll(".check--granted").length);
note();
new MutationObserver(note).observe(document.querySelector("main"), {childList: true, subtree: true});
"""


def sign_up(page: Page, stack: Stack, email: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Open an account").click()
    page.get_by_label("Company").fill("Ada's Lamps")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("mail", re.IGNORECASE))
    page.goto(site.mail_to(stack, email, about="onfirm")["links"][0])
    page.get_by_role("button", name="Yes, it is mine").click()


def install(page: Page, stack: Stack) -> None:
    page.get_by_role("link", name="Try it in test mode first").click()
    page.get_by_role("button", name="Continue to Stripe").click()
    expect(page).to_have_url(re.compile(re.escape(stack.simulator_url)))
    dashboard.install(page)
    expect(
        page.get_by_text(re.compile(r"Your Stripe account acct_….{4} is connected in test mode"))
    ).to_be_visible()


def copy_from_app_settings(page: Page) -> str:
    """Follow the paste page's first step into a new tab, copy the key there, and close the tab."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name="App settings in Stripe").click()
    tab = opened.value
    shown = dashboard.view_key(tab)
    copied = dashboard.copy_key(tab)
    assert shown == copied
    tab.close()
    return copied


def paste_from_clipboard(page: Page, key: str) -> None:
    site.key_field(page).press("Control+V")
    expect(site.key_field(page)).to_have_value(key)
    site.send(page)
    expect(page).to_have_url(site.ADDRESS_OF_A_KEY)


def paste_and_watch(page: Page, key: str, at_stripes: SimulatorAdmin) -> None:
    """One answer of Stripe's takes its time, so that permissions are seen to turn up one after the other."""
    everybodys = at_stripes.keys("")
    [key_id] = [each["id"] for each in everybodys if each["shortened"].endswith(key[-4:])]
    at_stripes.add_fault("slow", key=key_id, path="/v1/payouts", seconds=3600)
    paste_from_clipboard(page, key)
    page.evaluate(NOTE_PROGRESS)
    expect(page.locator(".check--granted")).to_have_count(11)
    expect(site.pill(page)).to_have_text("Being checked")
    at_stripes.clear_faults()
    site.expect_key_to_be(page, "Active")
    assert page.evaluate("window.isStillTheSamePage") is True  # no reload: htmx brought the news
    granted = page.evaluate("window.seen")
    assert granted == sorted(granted)
    assert granted[-1] == 12


def hear_of_rotation(page: Page, stack: Stack, email: str, *, ends: datetime) -> None:
    """A mail says when the old key ends, and so does a banner on every page; it leads on to the key."""
    written = f"{ends.day} {ends:%B %Y, %H:%M} UTC"
    assert (
        f"The old key stops working on {written}." in site.mail_to(stack, email, about="was rotated")["text"]
    )
    page.goto("/accounts/email/")
    expect(page.get_by_text("This key was rotated in Stripe")).to_be_visible()
    page.get_by_role("link", name="See what to do").click()
    site.expect_key_to_be(page, "Expiring")
    expect(page.get_by_text(f"The old one stops working on {written}.")).to_be_visible()


def test_ada_brings_a_key_and_hears_of_all_that_becomes_of_it(
    visit: Visits, stack: Stack, at_stripes: SimulatorAdmin
) -> None:
    page, email = visit(), f"ada-{some_letters(8).lower()}@example.com"
    sign_up(page, stack, email)
    install(page, stack)
    paste_and_watch(page, copy_from_app_settings(page), at_stripes)
    first_page = page.url

    in_stripe = page.context.new_page()
    in_stripe.goto(f"{stack.simulator_url}/test/apikeys")
    dashboard.rotate(in_stripe, old_ends="in 1 hour")
    hear_of_rotation(page, stack, email, ends=dashboard.end_of_rotated_key(in_stripe))

    page.get_by_role("link", name="Paste the new key").click()
    paste_from_clipboard(page, dashboard.copy_key(in_stripe))
    site.expect_key_to_be(page, "Active")
    second_page = page.url
    page.goto(first_page)
    site.expect_key_to_be(page, "Replaced")

    dashboard.expire(in_stripe)
    page.goto(second_page)
    site.expect_after_reloading(page, "Expired")
    assert second_page in site.mail_to(stack, email, about="no longer works")["links"]
