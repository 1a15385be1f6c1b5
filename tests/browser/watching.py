"""What a browser complains about while a test uses it; each test ends with nobody having complained."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

HERE = "127.0.0.1"
_ABORTED = "net::ERR_ABORTED"  # a page was left while it still asked for something
_REFUSED_RESOURCE = "Failed to load resource: the server responded with a status of "
# Only scripts can hear of a violation's details; the browser's own console message comes besides.
_TELL_OF_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


class Watch:
    """Collects what goes wrong in a browser context: console errors, script errors, refusals, broken answers."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self._expected: set[int] = set()
        context.add_init_script(_TELL_OF_VIOLATIONS)
        context.on("console", self._heard)
        context.on("weberror", self._failed)
        context.on("response", self._answered)
        context.on("requestfailed", self._unanswered)
        context.on("request", self._asked)

    def allow(self, *statuses: int) -> None:
        """From now on, answers with these statuses are no complaint."""
        self._expected |= set(statuses)

    def forget(self) -> None:
        """Begin anew."""
        self.complaints.clear()
        self._expected.clear()

    def _heard(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type not in ("error", "warning"):
            return
        if (
            text.startswith(_REFUSED_RESOURCE)
            and int(text.removeprefix(_REFUSED_RESOURCE)[:3]) in self._expected
        ):
            return
        self.complaints.append(f"console {message.type}: {text} ({message.location.get('url', '')})")

    def _failed(self, error: WebError) -> None:
        self.complaints.append(f"script error: {error.error}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.complaints.append(f"{response.status} for {response.request.method} {response.url}")

    def _unanswered(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self.complaints.append(f"{request.failure} for {request.method} {request.url}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != HERE:
            self.complaints.append(f"asked another machine: {request.url}")
