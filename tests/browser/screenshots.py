"""`make screenshots`: the README's pictures, taken of the real site with made-up merchants.

What differs from run to run (moments, ids, the last characters of keys) is written over before each picture, so that a
picture changes only when the page does.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from local_stack.browser import ensure_browser
from local_stack.folders import PROJECT
from local_stack.processes import Stack
from local_stack.totp import fresh_totp_secret
from tests.browser import in_the_dashboard as dashboard
from tests.browser import on_the_site as site
from tests.browser.stage import Gallery, Person, add_staff, stack_in_a_folder_of_its_own
from tests.browser.visits import Chromium, Visits
from tests.simulator import SimulatorAdmin

PICTURES = PROJECT / "docs" / "images"
LARGEST_BYTES = 200_000
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 375, "height": 812}
APP = "com.example.partner-site"
STEADY = Path(__file__).with_name("steady.js").read_text()


class Photographer:
    """Takes pictures of pages, each with an owner who is signed in."""

    def __init__(self, visits: Visits, gallery: Gallery) -> None:
        self._visits = visits
        self._gallery = gallery

    def visitor(self, who: str = "", **wishes: Any) -> Page:
        """A page of somebody from the gallery, or of a stranger."""
        page = self._visits(**{"viewport": WIDE, **wishes})
        if who:
            site.sign_in(page, self._gallery.people[who])
        return page

    def take(self, page: Page, name: str, *, height: int = 0) -> None:
        """Write one picture: the whole page, or the uppermost `height` pixels of it."""
        page.evaluate(STEADY)
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        if height and page.viewport_size:
            page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.screenshot(path=path, full_page=not height, animations="disabled", caret="hide")
        size = path.stat().st_size
        note = "" if size <= LARGEST_BYTES else f"  (more than {LARGEST_BYTES // 1000} KB)"
        sys.stdout.write(f"{path.relative_to(PROJECT)}  {size // 1000} KB{note}\n")


def of_the_way_to_a_key(camera: Photographer, gallery: Gallery) -> None:
    """Front page, connect and paste; the last at night too, and connect on a phone."""
    page = camera.visitor()
    page.goto("/")
    camera.take(page, "home")
    page = camera.visitor("tom")
    page.goto("/stripe/connect/live/")
    camera.take(page, "connect", height=1100)
    page.goto("/stripe/paste/live/")
    camera.take(page, "paste")


def of_a_check(camera: Photographer, stripe: SimulatorAdmin, owner: Person) -> str:
    """A check caught in the middle: some of Stripe's answers take their time. Returns the key that was pasted."""
    for path in ("/v1/invoices", "/v1/payouts", "/v1/subscriptions", "/v1/products"):
        stripe.add_fault("slow", path=path, seconds=6)
    page = camera.visitor()
    site.sign_in(page, owner)
    account = stripe.create_account("Mia's Bicycles", id="acct_1BicyclesTest000")
    token = str(stripe.create_key(account)["token"])
    site.paste(page, token)
    page.get_by_role("button", name="Yes, it is ours").click()
    expect(page.locator(".check--granted")).to_have_count(8)
    camera.take(page, "live-check", height=1100)
    stripe.clear_faults()
    expect(page.locator("p.lead", has_text="every permission we need")).to_be_visible(timeout=30_000)
    return token


def of_keys(camera: Photographer, gallery: Gallery) -> None:
    """A key that was rotated, the list by day and by night, and a key on a phone."""
    page = camera.visitor("ada")
    page.goto(gallery.page_of("rotated"))
    camera.take(page, "key-rotated", height=1100)
    page.goto("/stripe/keys/")
    camera.take(page, "keys")
    page.goto("/stripe/erased/")
    camera.take(page, "erased", height=1000)
    page = camera.visitor("tom", color_scheme="dark")
    page.goto(gallery.page_of("active"))
    camera.take(page, "key-dark", height=1100)
    page = camera.visitor("ada", viewport=NARROW, device_scale_factor=2)
    page.goto(gallery.page_of("limited"))
    camera.take(page, "key-phone", height=812)


def of_the_apps_own_key(camera: Photographer, stripe: SimulatorAdmin, owner: Person) -> None:
    """A key that the app has made in place of a pasted one, and the way away from a secret key."""
    stripe.create_install("acct_1BicyclesTest000")
    page = camera.visitor()
    site.sign_in(page, owner)
    page.goto("/stripe/managed/test/")
    page.get_by_role("link", name="Let us make and renew the key").click()
    page.get_by_role("button", name="Let us make and renew the key").click()
    expect(page.get_by_text("Next renewal")).to_be_visible(timeout=30_000)
    page.goto("/stripe/managed/test/")
    camera.take(page, "managed-key")
    page.goto("/stripe/migrate/")
    camera.take(page, "migrate", height=1100)


def of_the_ops_desk(camera: Photographer, stack: Stack, leaked: str) -> None:
    """The list of keys at the desk, what Stripe told, and whose key was in a log that somebody published."""
    secret = fresh_totp_secret()
    add_staff(stack, "olga@partner.example", password=OPS_PASSWORD, totp_secret=secret)
    page = camera.visitor()
    site.sign_in_to_ops(page, email="olga@partner.example", password=OPS_PASSWORD, totp_secret=secret)
    page.goto("/ops/stripe_keys/restrictedkey/")
    camera.take(page, "ops-keys")
    page.goto("/ops/webhooks/eventnotification/")
    camera.take(page, "ops-events", height=800)
    page.goto("/ops/stripe_keys/restrictedkey/leak-desk/")
    page.get_by_label("The text that leaked").fill(f"ERROR charges.list failed, key={leaked}")
    page.get_by_role("button", name="Look it up").click()
    expect(page.get_by_role("button", name="Suspend and tell the merchant")).to_be_visible()
    camera.take(page, "leak-desk", height=560)


def of_the_simulator(camera: Photographer, simulator_url: str) -> None:
    """Install, as "Continue to Stripe" leads there, and the app's settings with the key in sight."""
    page = camera.visitor("ada")
    page.goto(f"{simulator_url}/b/acct_1AdasLampsLive00")
    page.goto("/stripe/connect/live/")
    page.get_by_role("button", name="Continue to Stripe").click()
    expect(page.get_by_role("button", name="Install")).to_be_visible()
    camera.take(page, "simulator-install")
    page.goto(f"{simulator_url}/settings/apps/{APP}")
    dashboard.view_key(page)
    camera.take(page, "simulator-view-api-keys", height=800)


OPS_PASSWORD = "a fine long sentence for the desk"  # of a stack that is gone with the last picture


def main() -> int:
    """Take every picture."""
    chromium = Chromium(ensure_browser())
    with stack_in_a_folder_of_its_own() as stack, contextlib.closing(chromium):
        gallery, stripe = Gallery.on(stack), SimulatorAdmin(stack.simulator_url)
        visits = Visits(chromium, stack)
        camera = Photographer(visits, gallery)
        of_the_way_to_a_key(camera, gallery)
        of_keys(camera, gallery)
        leaked = of_a_check(camera, stripe, gallery.people["mia"])
        of_the_ops_desk(camera, stack, leaked)
        of_the_apps_own_key(camera, stripe, gallery.people["mia"])
        of_the_simulator(camera, stack.simulator_url)
        for complaint in visits.complaints:
            sys.stderr.write(f"{complaint}\n")
        return 1 if visits.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
