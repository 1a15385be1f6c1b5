"""The only door to Stripe: what goes out is decided here, and what comes back leaves as our own small dataclasses.

No exception of the SDK and no text of Stripe's passes this module: messages of Stripe's quote parts of keys. What an
answer means is decided in `stripe_keys.gateway.answers`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.request import Request

import requests
import stripe
from django.conf import settings
from requests.adapters import HTTPAdapter
from stripe import StripeClient

from stripe_keys.catalogue import Probe
from stripe_keys.gateway import app_answers
from stripe_keys.gateway.answers import Finding
from stripe_keys.gateway.app_answers import (
    FetchedEvent,
    KeyFacts,
    StripeRefused,
    StripeThrottled,
    StripeUnavailable,
)
from stripe_keys.gateway.questions import finding_of, question_of
from stripe_keys.gateway.wire import Question, Wire
from stripe_keys.secret import Secret

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


class _Timely(stripe.HTTPClient):
    """Sends over the wire: an answer is whole in time, however slowly it trickles, and not too large, or is none."""

    name = "wire"

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        """Send one request; raises `stripe.APIConnectionError` where no whole answer came."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        path = url.removeprefix(settings.STRIPE_API_BASE)
        ((_, reply),) = _wire().ask([Question(method.upper(), path, dict(headers), body)], {})
        if reply.trouble:
            raise stripe.APIConnectionError("Stripe did not answer.", should_retry=False)  # type: ignore[no-untyped-call]
        return reply.body, reply.status, {}


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


def ask_as_app(
    path: str, *, livemode: bool, context: str = "", preview: bool = False, is_managing: bool = False
) -> dict[str, Any]:
    """GET `path` with the app's own key.

    Raises:
        StripeRefused: no key is configured, or Stripe answered 400, 401, 403 or 404.
        StripeThrottled: Stripe was asked too often.
        StripeUnavailable: anything else that is not an object.
    """
    (answer,) = ask_all_as_app([(path, context)], livemode=livemode, preview=preview, is_managing=is_managing)
    if isinstance(answer, Exception):
        raise answer
    return answer


def ask_all_as_app(
    asked: Sequence[tuple[str, str]], *, livemode: bool, preview: bool = False, is_managing: bool = False
) -> list[dict[str, Any] | StripeRefused | StripeUnavailable]:
    """GET each path, in its context, with the app's own key, all at the same time; trouble is returned, not raised."""
    key = _managing_key(livemode) if is_managing else _platform_key(livemode)
    if not key:
        missing = "The app's own key of this mode is not configured."
        return [StripeRefused(missing, code="not_configured") for _ in asked]
    headers = {"Authorization": f"Bearer {key}", **_HEADERS}
    if preview:
        headers["Stripe-Version"] = settings.STRIPE_PREVIEW_VERSION
    questions = [
        Question("GET", path, {"Stripe-Context": context} if context else {}) for path, context in asked
    ]
    replies = dict(_wire().ask(questions, headers))
    return [app_answers.read(replies[number]) for number in range(len(asked))]


def call_as_app(
    method: str, path: str, params: dict[str, Any], *, livemode: bool, context: str, idempotency_key: str = ""
) -> dict[str, Any]:
    """What Stripe answers to a preview call that the app makes on a merchant's account (`context`).

    A call with the same `idempotency_key` and the same `params` has one effect, however often it is made. The answer
    may hold a key: nobody logs it, and whoever asked copies what it needs.

    Raises:
        StripeRefused: no key of the app is configured, or Stripe answered 400, 401, 403 or 404; its `code` says why.
        StripeThrottled: Stripe was asked too often.
        StripeUnavailable: anything else; whether the call had its effect is not known.
    """
    key = _managing_key(livemode)
    if not key:
        raise StripeRefused("The app's own key of this mode is not configured.", code="not_configured")
    client = StripeClient(
        key,
        http_client=_Timely(),
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=0,
        stripe_version=settings.STRIPE_PREVIEW_VERSION,
        stripe_context=context,
    )
    once = {"idempotency_key": idempotency_key} if idempotency_key else {}
    try:
        answer = client.raw_request(method, path, **params, **once).data
    except stripe.StripeError as problem:
        refusal = app_answers.refusal_of(problem.http_status, problem.json_body)
    except Exception:  # whatever the library may say of bytes; its text may quote a key
        refusal = StripeUnavailable("Stripe's answer could not be read.")
    else:
        if isinstance(answer, dict):
            return answer
        refusal = StripeUnavailable("Stripe's answer was not an object.")
    raise refusal  # not in the `except`: it has no context, and no frame that holds an answer


def can_manage_keys(*, livemode: bool) -> bool:
    """Whether a key of the app that makes keys is configured for that mode."""
    return bool(_managing_key(livemode))


def _managing_key(livemode: bool) -> str:
    """The key of the app that makes keys; that is another app where STRIPE_MANAGED_KEY_* are set."""
    own = settings.STRIPE_MANAGED_KEY_LIVE if livemode else settings.STRIPE_MANAGED_KEY_TEST
    return str(own) or _platform_key(livemode)
