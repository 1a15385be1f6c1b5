"""Visits to the site: a real Chromium, and profiles in it that are watched.

Both are used again and again, since starting either takes a second of the machine's time.
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, ViewportSize, expect, sync_playwright

from local_stack.processes import Stack
from tests.browser.watching import Watch

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # none is started in advance
)
PATIENCE_MILLISECONDS = 20_000  # of every wait in a browser; the machine may be busy
_WINDOW: ViewportSize = {"width": 1280, "height": 720}


class Profile:
    """A browser profile, with cookies and so on of its own, and its first page; `wishes` are Playwright's."""

    def __init__(self, chromium: Browser, stack: Stack, **wishes: Any) -> None:
        self.is_plain = not wishes
        self.context = chromium.new_context(
            base_url=stack.site_url,
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",  # what turns while one waits is drawn anew and anew
            **{"viewport": _WINDOW, **wishes},
        )
        self.context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stack.simulator_url)
        self.watch = Watch(self.context)
        self.page = self.context.new_page()

    def begin_anew(self) -> None:
        """Be as a new one: what is kept is what pages have loaded that never changes."""
        for page in self.context.pages:
            if page is not self.page:
                page.close()
        self.page.goto("about:blank")
        self.context.clear_cookies()
        self.page.set_viewport_size(_WINDOW)
        self.page.emulate_media(color_scheme="light")
        self.watch.forget()


class Chromium:
    """The browser itself, with the plain profiles that nobody uses at the moment."""

    def __init__(self, executable: str) -> None:
        self._executable = executable
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self.spare: list[Profile] = []

    @property
    def browser(self) -> Browser:
        """Started when it is first asked for."""
        if self._browser is None:
            expect.set_options(timeout=PATIENCE_MILLISECONDS)
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=self._executable, args=list(CHROMIUM_ARGUMENTS)
            )
        return self._browser

    def close(self) -> None:
        """End it; the next who asks has it started again."""
        self.spare.clear()
        if self._browser is not None and self._playwright is not None:
            self._browser.close()
            self._playwright.stop()
        self._browser = self._playwright = None


class Visits:
    """Opens pages, each in a browser profile that no other page of these visits has."""

    def __init__(self, chromium: Chromium, stack: Stack) -> None:
        self._chromium = chromium
        self._stack = stack
        self._opened: list[Profile] = []

    def __call__(self, *, javascript: bool = True, **wishes: Any) -> Page:
        """A new visitor's page; `wishes` are Playwright's (viewport, color_scheme, …)."""
        if not javascript:
            wishes["java_script_enabled"] = False
        spare = self._chromium.spare
        profile = (
            spare.pop() if spare and not wishes else Profile(self._chromium.browser, self._stack, **wishes)
        )
        self._opened.append(profile)
        return profile.page

    def allow(self, page: Page, *statuses: int) -> None:
        """From now on, answers with these statuses are no complaint of this page's browser."""
        for profile in self._opened:
            if profile.context is page.context:
                profile.watch.allow(*statuses)

    @property
    def complaints(self) -> list[str]:
        """Everything anybody's browser complained about."""
        return [complaint for profile in self._opened for complaint in profile.watch.complaints]

    def picture(self, folder: Path, name: str) -> list[Path]:
        """Take a picture of every open page."""
        folder.mkdir(parents=True, exist_ok=True)
        taken: list[Path] = []
        for page in [page for profile in self._opened for page in profile.context.pages]:
            path = folder / f"{name}-{len(taken) + 1}.png"
            page.screenshot(path=path, full_page=True)
            taken.append(path)
        return taken

    def close(self, *, went_well: bool) -> None:
        """End every visit; what is left of one that went wrong is not used again."""
        for profile in self._opened:
            if went_well and profile.is_plain and not profile.page.is_closed():
                profile.begin_anew()
                self._chromium.spare.append(profile)
            else:
                profile.context.close()
        self._opened.clear()
