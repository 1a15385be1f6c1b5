"""What a merchant does in Stripe's Dashboard, on the simulator's pages."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect


def install(page: Page, *, mode: str = "test", account: str = "Ada's Lamps", returns: bool = True) -> None:
    """Say yes on the install page, for a new account, and go back to the app's site or stay in the Dashboard."""
    page.locator("#account").select_option("new")
    page.locator("#account_name").fill(account)
    page.get_by_label(f"{mode.capitalize()} mode").check()
    page.get_by_label("Return to the app's site" if returns else "Stay on the app's settings page").check()
    page.get_by_role("button", name="Install").click()


def view_key(page: Page) -> str:
    """Press "View API keys" on the app's settings page and read the restricted key."""
    page.get_by_role("button", name="View API keys").click()
    return shown_key(page)


def shown_key(page: Page) -> str:
    """The restricted key that the page shows."""
    return page.locator("#restricted-key").inner_text()


def copy_key(page: Page) -> str:
    """Press the button beside the restricted key; the clipboard has it afterwards, and so has the caller."""
    page.locator("[data-copy=restricted-key]").click()
    expect(page.locator("[data-copy=restricted-key]")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def rotate(page: Page, *, old_ends: str) -> str:
    """Rotate the account's only usable key on the list of keys, and read the new one."""
    page.get_by_label("When the old key stops working").select_option(f"Old key ends {old_ends}")
    page.get_by_role("button", name="Rotate").click()
    return shown_key(page)


def end_of_rotated_key(page: Page) -> datetime:
    """When the key that was rotated stops working, as its card on the list of keys says."""
    card = page.locator("section.key").filter(has=page.locator(".badge", has_text="Rotated"))
    ends = card.locator(".facts div", has=page.get_by_text("Ends", exact=True)).locator("dd").inner_text()
    return datetime.strptime(ends, "%d %b %Y, %H:%M:%S UTC").replace(tzinfo=UTC)


def expire(page: Page) -> None:
    """End the account's key that was not rotated, on the list of keys."""
    card = page.locator("section.key").filter(has=page.locator(".badge", has_text="Active"))
    card.get_by_role("button", name="Expire").click()
