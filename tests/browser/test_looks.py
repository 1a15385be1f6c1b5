"""Every page fits screens of 320 px and more, can be read by day and by night, and speaks to screen readers."""

from collections.abc import Iterable

import pytest
from playwright.sync_api import Page, expect

from local_stack.processes import Stack
from local_stack.totp import fresh_totp_secret
from tests.browser import looks
from tests.browser import on_the_site as site
from tests.browser.stage import Cast, Gallery, add_staff
from tests.browser.visits import Visits
from tests.people import PASSWORD, a_secret_key, some_letters

pytestmark = [pytest.mark.browser, pytest.mark.processes]

STATES = ("rotated", "replaced", "rejected", "removed", "expired", "limited")
DJANGOS = ("scrolls inside: ", "field without a label: <input#searchbar")
OUTCOMES = ("unstarted", "denied", "state", "signature", "mode", "taken")


def faults_of(page: Page, addresses: Iterable[str]) -> dict[str, list[str]]:
    """The faults of each of these pages that has any."""
    found = {}
    for address in addresses:
        page.goto(address)
        assert page.url.rstrip("/").endswith(
            address.rstrip("/")
        )  # where it leads on, nobody would look at it
        faults = looks.faults_of(page)
        if faults:
            found[address] = faults
    return found


def test_pages_for_strangers(page: Page, visit: Visits) -> None:
    visit.allow(page, 404)

    assert (
        faults_of(
            page,
            (
                "/",
                "/accounts/signup/",
                "/accounts/login/",
                "/accounts/password/reset/",
                "/accounts/password/reset/done/",
                "/accounts/confirm-email/",
                "/accounts/confirm-email/unknown/",
                "/nowhere/",
            ),
        )
        == {}
    )


def test_forms_that_were_refused(page: Page, visit: Visits) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Company").fill(
        "Ada's Lamps and Lanterns of All Times and Places, Limited by Guarantee"
    )
    page.get_by_label("Email").fill(f"{some_letters(60)}@example")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Open the account").click()
    expect(page.locator(".field--error").first).to_be_visible()

    assert looks.faults_of(page) == []


def test_pages_of_a_merchant_without_keys(page: Page, cast: Cast, visit: Visits) -> None:
    site.be_signed_in(page, cast.owner())
    account = (
        "email/",
        "password/change/",
        "2fa/",
        "2fa/totp/activate/",
        "sessions/",
        "logout/",
        "reauthenticate/",
    )
    stripe = ("keys/", "erased/", "close/", "connect/live/", "connect/test/", "paste/live/", "paste/test/")
    addresses = [f"/stripe/{name}" for name in stripe]
    addresses += [f"/stripe/return/?outcome={outcome}&mode=test" for outcome in OUTCOMES]
    addresses += [f"/accounts/{name}" for name in account]
    visit.allow(page, 422)

    found = faults_of(page, addresses)
    site.paste(page, a_secret_key())
    expect(page.locator(".field--error")).to_be_visible()

    assert found == {}
    assert looks.faults_of(page) == []


def test_pages_of_a_merchant_with_keys_in_every_state(page: Page, gallery: Gallery) -> None:
    site.be_signed_in(page, gallery.people["ada"])
    rotated, limited = gallery.page_of("rotated"), gallery.page_of("limited")
    addresses = [f"/stripe/{name}/" for name in ("keys", "connect/live", "migrate", "erased", "close")]
    addresses += [gallery.page_of(state) for state in STATES]
    addresses += [f"{rotated}replace/", f"{rotated}remove/", f"{limited}remove/"]
    addresses += [f"{rotated}permissions/", f"{limited}permissions/"]

    found = faults_of(page, addresses)
    page.goto("/stripe/keys/")
    for fold in page.locator("details.fold").all():
        fold.locator("summary").click()

    assert found == {}
    assert looks.faults_of(page) == []


@pytest.mark.parametrize(("who", "state"), [("ben", "confirm"), ("eve", "suspended"), ("mia", "active")])
def test_pages_of_others(page: Page, gallery: Gallery, who: str, state: str) -> None:
    site.be_signed_in(page, gallery.people[who])
    key = gallery.page_of(state) if who != "mia" else ""

    assert faults_of(page, ["/stripe/keys/", *([key] if key else [])]) == {}


def test_pages_of_a_merchant_who_closes_the_account(page: Page, cast: Cast, visit: Visits) -> None:
    site.be_signed_in(page, cast.owner())
    visit.allow(page, 422)
    page.goto("/stripe/close/")
    page.get_by_role("button", name="Erase everything").click()
    expect(page.locator(".field--error")).to_be_visible()
    refused = looks.faults_of(page)

    page.get_by_label("Name of the account").fill(page.locator("#name-help strong").inner_text())
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_role("heading", name="This account is closed")).to_be_visible()
    page.goto("/stripe/keys/")

    expect(page.get_by_role("heading", name="This account is closed")).to_be_visible()
    assert (refused, looks.faults_of(page)) == ([], [])
    page.set_viewport_size({"width": 375, "height": 812})
    menu, brand = (page.locator(f".site-header {each}").bounding_box() for each in (".menu", ".brand"))
    assert menu
    assert brand
    assert menu["y"] < brand["y"] + brand["height"], "the header's menu has wrapped"


def test_pages_of_the_ops_desk(page: Page, gallery: Gallery, stack: Stack) -> None:
    secret = fresh_totp_secret()
    add_staff(stack, "otto@example.com", password=PASSWORD, totp_secret=secret)
    site.sign_in_to_ops(page, email="otto@example.com", password=PASSWORD, totp_secret=secret)
    key = gallery.keys["rotated"]
    lists = ("stripe_keys/restrictedkey/", "webhooks/eventnotification/", "accounts/merchant/")
    leaked = ",".join(gallery.keys.values()).replace("-", "")
    leaks = f"{lists[0]}leak-desk/found/?read=9&keys={leaked}&shortened=2&ends=aB3d,9xYz&cut=1"

    found = faults_of(
        page,
        (f"/ops/{each}" for each in ("", *lists, f"{lists[0]}{key}/change/", f"{lists[0]}leak-desk/", leaks)),
    )
    ours = [
        fault for faults in found.values() for fault in faults if not any(own in fault for own in DJANGOS)
    ]

    assert ours == []


def test_pages_of_the_simulator(page: Page, gallery: Gallery, stack: Stack) -> None:
    page.goto(f"{stack.simulator_url}/b/acct_1AdasLampsLive00")
    app = "com.example.partner-site"
    addresses = (
        f"/settings/apps/{app}",
        "/apikeys",
        "/apikeys/create",
        "/log",
        "/sign-in",
        f"/apps/install/link/{app}",
    )

    assert faults_of(page, (stack.simulator_url + address for address in addresses)) == {}


def test_the_caught_mails(page: Page, gallery: Gallery, stack: Stack) -> None:
    mail = stack.mails()[0]

    assert faults_of(page, (stack.mail_url, f"{stack.mail_url}/messages/{mail['id']}")) == {}


FAULTY = """
<html><head><title>Faulty</title></head><body style="margin:0"><main>
<h1>One</h1><h3>Three</h3>
<p style="color:#999">Pale</p><p style="width:2000px">Wide</p>
<p style="width:30px;overflow:hidden;white-space:nowrap">Cut in the middle</p>
<input><button></button><img src="data:,"><i id="two"></i><i id="two"></i>
<input aria-labelledby="nobody"></main></body></html>
"""


def test_the_look_finds_what_it_is_for(page: Page) -> None:
    page.set_content(FAULTY)

    found = "\n".join(looks.faults_of(page))

    for fault in (
        "1280 px: scrolls sideways",
        "320 px: sticks out",
        "text cut",
        "names no language",
        "level 3 after 1",
        "contrast 2.85",
        "field without a label",
        "nothing says what it does",
        "image without words",
        "id twice: two",
        "names #nobody",
    ):
        assert fault in found
