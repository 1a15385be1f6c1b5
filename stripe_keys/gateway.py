"""The only door to Stripe: what goes out is decided here, and what comes back leaves as our own small dataclasses.

No exception of the SDK and no text of Stripe's passes this module: messages of Stripe's quote parts of keys. What an
answer means is decided in `stripe_keys.answers`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request

import requests
import stripe
from django.conf import settings
from requests.adapters import HTTPAdapter
from stripe import StripeClient

from stripe_keys import app_answers
from stripe_keys.answers import Finding
from stripe_keys.app_answers import FetchedEvent, KeyFacts, StripeRefused, StripeThrottled, StripeUnavailable
from stripe_keys.catalogue import Probe
from stripe_keys.questions import finding_of, question_of
from stripe_keys.secret import Secret
from stripe_keys.wire import Question, Wire

__all__ = [
    "FetchedEvent",
    "KeyFacts",
    "StripeClient",
    "StripeRefused",
    "StripeThrottled",
    "StripeUnavailable",
]

CONNECTIONS_KEPT = 128
CONNECT_SECONDS = 3.0
_HEADERS = {"Stripe-Version": stripe.api_version, "User-Agent": f"partner-site stripe/{stripe.VERSION}"}


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


class _Session(requests.Session):
    """Follows no redirect: Stripe's API does not redirect, and a redirect would carry the key elsewhere.

    `max_redirects = 0` would read the whole body of the answer first, however long it is.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere."""
        if resp.is_redirect:
            resp.close()
            raise requests.TooManyRedirects("Stripe answered with a redirect.")
        return None


@lru_cache(maxsize=1)
def _http_client() -> stripe.HTTPClient:
    """One pool of connections for the whole process, so that a check does not pay for a handshake each time."""
    session = _Session()
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS_KEPT))
    session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS_KEPT))
    session.trust_env = False  # a .netrc on the machine would replace the key that we send
    session.cookies.set_policy(_NoCookies())
    return stripe.RequestsClient(timeout=(CONNECT_SECONDS, settings.STRIPE_TIMEOUT_SECONDS), session=session)


def _wire() -> Wire:
    """The connections over which keys are checked, as many as the checks of one process may need at once."""
    return _wire_to(settings.STRIPE_API_BASE, settings.STRIPE_TIMEOUT_SECONDS)


@lru_cache(maxsize=1)
def _wire_to(base: str, seconds: float) -> Wire:
    return Wire(
        base,
        authorities=stripe.ca_bundle_path,
        connect_seconds=CONNECT_SECONDS,
        read_seconds=seconds,
    )


def forget_connections() -> None:
    """Let the next call open new connections, with the time-out that the settings have then."""
    _http_client.cache_clear()
    _wire_to.cache_clear()


# Two processes that speak over one connection would read each other's answers.
os.register_at_fork(after_in_child=forget_connections)


class UseAThread(NotImplementedError):
    """Calls with `_async` are not offered: make the call without it in a thread (`asyncio.to_thread`)."""


class _Witnessed(stripe.HTTPClient):
    """The shared client, with somebody told of each request that is sent through it, retries included.

    Told are method, path, status, and the body of a refusal that the SDK has in hand; a stream's is not read.
    """

    name = "requests"

    def __init__(self, tell: Callable[[str, str, int | None, bytes | None], None]) -> None:
        super().__init__()
        self._tell = tell
        self._shared = _http_client()

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """Send one request, and tell how it ended."""
        return self._sent(self._shared.request, method, url, headers, post_data)

    def request_stream(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """Send one request whose answer is read by whoever asked, and tell how it began."""
        return self._sent(self._shared.request_stream, method, url, headers, post_data)

    def _sent(self, send: Callable[..., Any], method: str, url: str, headers: Any, post_data: Any) -> Any:
        status, refusal = None, None
        try:
            content, status, answered = send(method, url, headers, post_data)
            if status in (401, 403) and isinstance(content, bytes):
                refusal = content
            return content, status, answered
        finally:
            self._tell(method, url[max(url.find("/", len("https://")), 0) :], status, refusal)

    async def request_async(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise UseAThread("Call the method without `_async`, in a thread: `asyncio.to_thread`.")

    request_stream_async = request_async


def client_for(
    secret: Secret,
    *,
    max_network_retries: int = 0,
    tell: Callable[[str, str, int | None, bytes | None], None] | None = None,
) -> StripeClient:
    """A client of the stable SDK that calls Stripe as `secret`; time-outs and address come from the settings.

    `tell(method, path, status, refusal)` is called after each request; it must neither raise nor wait.
    """
    return StripeClient(
        secret.reveal(),
        http_client=_Witnessed(tell) if tell else _http_client(),
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=max_network_retries,
    )


def ask(secret: Secret, probes: Iterable[Probe]) -> Iterator[tuple[Probe, Finding]]:
    """Ask all `probes` as `secret`, at the same time; yields each with its finding as it arrives. Never raises.

    Not by the SDK's client, which needs a thread for each question and several times as long.
    """
    asked = list(probes)
    questions = [question_of(probe) for probe in asked]
    headers = {"Authorization": f"Bearer {secret.reveal()}", **_HEADERS}
    for number, reply in _wire().ask(questions, headers):
        yield asked[number], finding_of(asked[number], reply, livemode=secret.livemode)


# --- Asking as the app itself ----------------------------------------------------------------------------------------


def can_ask_as_app(*, livemode: bool) -> bool:
    """Whether the app's own key of that mode is configured."""
    return bool(_platform_key(livemode))


def _platform_key(livemode: bool) -> str:
    return str(settings.STRIPE_PLATFORM_KEY_LIVE if livemode else settings.STRIPE_PLATFORM_KEY_TEST)


def _ask_as_app(path: str, *, livemode: bool, context: str = "", preview: bool = False) -> dict[str, Any]:
    """GET `path` with the app's own key.

    Raises:
        StripeRefused: no key is configured, or Stripe answered 400, 401, 403 or 404.
        StripeThrottled: Stripe was asked too often.
        StripeUnavailable: anything else that is not an object.
    """
    (answer,) = _ask_all_as_app([(path, context)], livemode=livemode, preview=preview)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask_all_as_app(
    asked: Sequence[tuple[str, str]], *, livemode: bool, preview: bool = False
) -> list[dict[str, Any] | StripeRefused | StripeUnavailable]:
    """GET each path, in its context, with the app's own key, all at the same time; trouble is returned, not raised."""
    if not can_ask_as_app(livemode=livemode):
        return [StripeRefused("The app's own key of this mode is not configured.") for _ in asked]
    headers = {"Authorization": f"Bearer {_platform_key(livemode)}", **_HEADERS}
    if preview:
        headers["Stripe-Version"] = settings.STRIPE_PREVIEW_VERSION
    questions = [
        Question("GET", path, {"Stripe-Context": context} if context else {}) for path, context in asked
    ]
    replies = dict(_wire().ask(questions, headers))
    return [app_answers.read(replies[number]) for number in range(len(asked))]


def fetch_events(
    asked: Sequence[tuple[str, str]], *, livemode: bool
) -> list[FetchedEvent | StripeRefused | StripeUnavailable]:
    """The whole events behind thin notifications, as Stripe holds them now; all are asked for at the same time.

    Each is asked for by its id, in the merchant's context. One that Stripe does not show is returned as the reason.
    Source: https://docs.stripe.com/api/v2/core/events/retrieve.
    """
    paths = [(f"/v2/core/events/{quote(event_id, safe='')}", context) for event_id, context in asked]
    answers = _ask_all_as_app(paths, livemode=livemode, preview=True)
    return [
        answer if isinstance(answer, Exception) else app_answers.event_in(answer, event_id)
        for answer, (event_id, _) in zip(answers, asked, strict=True)
    ]


def fetch_facts_of_keys(
    asked: Sequence[tuple[str, str]], *, livemode: bool
) -> list[KeyFacts | StripeRefused | StripeUnavailable]:
    """What Stripe says of keys, each by its `mk_` id and context; only an app approved for `api_key_write` is told.

    One that Stripe says nothing of is returned as the reason. An answer may hold a token in test mode, so two fields
    are copied and the rest is dropped here.
    """
    paths = [(f"/v2/iam/api_keys/{quote(key_id, safe='')}", context) for key_id, context in asked]
    answers = _ask_all_as_app(paths, livemode=livemode, preview=True)
    return [
        answer if isinstance(answer, Exception) else app_answers.facts_in(answer, key_id)
        for answer, (key_id, _) in zip(answers, asked, strict=True)
    ]


def is_installed(stripe_account_id: str, *, livemode: bool) -> bool | None:
    """Whether the App Installs API shows our app on that account in that mode; None where its answer does not say.

    Source: https://docs.stripe.com/api/apps/installs.

    Raises:
        StripeRefused, StripeUnavailable: see `_ask_as_app`; also when STRIPE_APP_OBJECT_ID is not configured.
    """
    if not settings.STRIPE_APP_OBJECT_ID:
        raise StripeRefused("STRIPE_APP_OBJECT_ID is not configured.")
    query = urlencode({"account": stripe_account_id, "app": settings.STRIPE_APP_OBJECT_ID, "limit": 10})
    body = _ask_as_app(f"/v1/apps/installs?{query}", livemode=livemode)
    rows = app_answers.rows_in(body)
    if rows is None:
        raise StripeUnavailable("Stripe's answer was not a list.")
    asked = {"account": stripe_account_id, "app": settings.STRIPE_APP_OBJECT_ID, "livemode": livemode}
    named = [row for row in rows if asked == {name: row.get(name, asked[name]) for name in asked}]
    statuses = {str(row.get("status")) for row in named}
    if statuses & app_answers.INSTALLED:
        return True
    is_unclear = len(named) < len(rows) or body.get("has_more") or statuses - app_answers.NOT_INSTALLED
    return None if is_unclear else False
