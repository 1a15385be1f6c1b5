"""What people do on our pages, by the words they read there."""

import re
import time

from playwright.sync_api import Locator, Page, expect

from local_stack.processes import Stack
from local_stack.totp import PERIOD_SECONDS, totp_code
from tests.browser.stage import Person
from tests.browser.watching import HERE
from tests.waiting import eventually

ADDRESS_OF_A_KEY = re.compile(r"/stripe/keys/[0-9a-f-]{36}/$")


def sign_in(page: Page, person: Person) -> None:
    """Sign in by e-mail and password and arrive at the list of keys."""
    page.goto("/accounts/login/")
    _fill_in_sign_in(page, person.email, person.password)
    expect(page.get_by_role("heading", name="Stripe keys", level=1)).to_be_visible()


def be_signed_in(page: Page, person: Person) -> None:
    """Be at the list of keys, signed in since before."""
    session = {"name": "sid", "value": person.session, "domain": HERE, "path": "/", "httpOnly": True}
    page.context.add_cookies([session])  # type: ignore[list-item] # a TypedDict
    page.goto("/stripe/keys/")
    expect(page.get_by_role("heading", name="Stripe keys", level=1)).to_be_visible()


def sign_in_to_ops(page: Page, *, email: str, password: str, totp_secret: str) -> None:
    """Go to the ops desk by password and six-digit code."""
    page.goto("/ops/")
    _fill_in_sign_in(page, email, password)
    page.get_by_label("Code").fill(lasting_code(totp_secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="What the site knows")).to_be_visible()


def lasting_code(totp_secret: str) -> str:
    """The six digits of an authenticator app, once they are good for some seconds more."""
    eventually(lambda: time.time() % PERIOD_SECONDS < PERIOD_SECONDS * 0.6, timeout=PERIOD_SECONDS)
    return totp_code(totp_secret)


def _fill_in_sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def key_field(page: Page) -> Locator:
    """The one field of the paste page."""
    return page.get_by_label("Restricted key")


def paste(page: Page, text: str, *, mode: str = "test") -> None:
    """Open the paste page and send `text`."""
    page.goto(f"/stripe/paste/{mode}/")
    key_field(page).fill(text)
    send(page)


def send(page: Page) -> None:
    """Press the paste page's button."""
    page.get_by_role("button", name="Check and save the key").click()


def pill(page: Page) -> Locator:
    """The status of the key whose page this is."""
    return page.locator(".key-head .status")


def expect_key_to_be(page: Page, word: str) -> None:
    """Wait, on a key's page, until it says this; the page brings the news by itself."""
    expect(page).to_have_url(ADDRESS_OF_A_KEY)
    expect(pill(page)).to_have_text(word)


def expect_after_reloading(page: Page, word: str) -> None:
    """Look at a key's page again and again until it says this."""

    def says_so() -> bool:
        page.reload()
        return pill(page).inner_text() == word

    eventually(says_so, timeout=20)


def mail_to(stack: Stack, email: str, *, about: str) -> dict[str, str]:
    """The newest mail to this address with these words in its subject, as soon as it is there."""

    def arrived() -> list[dict[str, str]]:
        return [mail for mail in stack.mails() if email in mail["to"] and about in mail["subject"]]

    return eventually(arrived, timeout=20)[0]
