"""What a page looks like at the widths people have, by day and by night, and what a screen reader makes of it."""

from pathlib import Path

from playwright.sync_api import Page

WIDTHS = (1280, 375, 320)
HEIGHT = 800
_LOOK = Path(__file__).with_name("looks.js").read_text()


def faults_of(page: Page) -> list[str]:
    """Everything that is wrong with the page that is open, at every width, with the width before it."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme="light")
        found += [f"{width} px: {fault}" for fault in page.evaluate(_LOOK)]
    page.emulate_media(color_scheme="dark")
    found += [f"in the dark: {fault}" for fault in page.evaluate(_LOOK) if fault.startswith("contrast")]
    page.emulate_media(color_scheme="light")
    return list(dict.fromkeys(found))
