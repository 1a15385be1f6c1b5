"""The only door to Stripe: what goes out is decided here, and what comes back leaves as our own small dataclasses.

No exception of the SDK and no text of Stripe's passes this module: messages of Stripe's quote parts of keys. What an
answer means is decided in `stripe_keys.answers`.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request

import requests
import stripe
from django.conf import settings
from requests.adapters import HTTPAdapter
from stripe import StripeClient

from stripe_keys import answers, catalogue
from stripe_keys.answers import Finding
from stripe_keys.catalogue import Probe
from stripe_keys.secret import Secret

__all__ = ["StripeClient"]

QUESTIONS_AT_ONCE = 1024
CONNECTIONS_KEPT = 128
CONNECT_SECONDS = 3.0
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class OnAccount(Probe):
    """A harmless request made on an account that it names, to see whether Stripe lets the key reach it.

    Source: https://docs.stripe.com/connect/authentication; what Stripe makes of a key that names its own account is not
    documented (`docs/stripe-assumptions.md`).
    """

    stripe_account_id: str = ""


@dataclass(frozen=True)
class FetchedEvent:
    """An event as Stripe holds it now."""

    event_id: str
    type: str
    stripe_key_id: str
    new_stripe_key_id: str


@dataclass(frozen=True)
class KeyFacts:
    """What Stripe's key endpoint says of a key; moments are None where it does not."""

    is_active: bool
    expires_at: datetime | None


class StripeUnavailable(Exception):
    """Stripe did not answer the question this time; ask again later. Nothing follows from it."""


class StripeRefused(Exception):
    """Stripe will not answer this question to us (no such thing, or not permitted); asking again does not help."""


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


@lru_cache(maxsize=1)
def _http_client() -> stripe.HTTPClient:
    """One pool of connections for the whole process, so that a check does not pay for a handshake each time."""
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS_KEPT))
    session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS_KEPT))
    session.max_redirects = 0  # Stripe's API does not redirect, and a redirect would carry the key elsewhere
    session.trust_env = False  # a .netrc on the machine would replace the key that we send
    session.cookies.set_policy(_NoCookies())
    return stripe.RequestsClient(timeout=(CONNECT_SECONDS, settings.STRIPE_TIMEOUT_SECONDS), session=session)


def forget_connections() -> None:
    """Let the next call open new connections, with the time-out that the settings have then."""
    _http_client.cache_clear()


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

    An answer that still trickles in after both time-outs counts as none: each of its bytes would begin a new time-out.
    """
    client = client_for(secret)
    asked = {_askers().submit(_ask, client, probe, secret.livemode): probe for probe in probes}
    try:
        for answered in as_completed(
            list(asked), timeout=CONNECT_SECONDS + settings.STRIPE_TIMEOUT_SECONDS + _GRACE_SECONDS
        ):
            yield asked.pop(answered), answered.result()
    except TimeoutError:
        for question, probe in asked.items():
            yield probe, question.result() if question.done() else answers.of_silence(timed_out=True)


@lru_cache(maxsize=1)
def _askers() -> ThreadPoolExecutor:
    """Threads for questions, made when no idle one is left: a merchant whose answers hang must not hold up others."""
    return ThreadPoolExecutor(QUESTIONS_AT_ONCE, thread_name_prefix="asks")


def _ask(client: StripeClient, probe: Probe, livemode: bool) -> Finding:
    try:
        named = {"stripe_account": probe.stripe_account_id} if isinstance(probe, OnAccount) else {}
        answer = client.raw_request(probe.method, probe.path, **named)
    except stripe.APIConnectionError as error:
        return _of_no_answer(error.__cause__)
    except stripe.StripeError as error:
        # `error.code` is None for several statuses on v1 paths; the body has it.
        finding = answers.of_refusal(
            error.http_status,
            error.json_body,
            asked=probe.permission,
            also_called=probe.link_name,
            may_need=probe.may_need,
            asks_whose=probe is catalogue.WHOSE,
        )
        return answers.of_refused_claim(error.json_body, finding) if named else finding
    except Exception:  # whatever the SDK makes of a broken body: unknown, and its text stays here
        return answers.of_rubbish()
    expects = "account" if probe is catalogue.WHOSE else "list" if "limit=" in probe.path else ""
    return answers.of_success(answer.data, status=answer.code, livemode=livemode, expects=expects)


def _of_no_answer(cause: BaseException | None) -> Finding:
    """What it means that `requests` has no answer to give, or none that it can read (a redirect, say)."""
    if isinstance(cause, requests.RequestException) and not isinstance(cause, requests.ConnectionError):
        no_whole_answer = (requests.Timeout, requests.exceptions.ChunkedEncodingError)
        if not isinstance(cause, no_whole_answer):
            return answers.of_rubbish()
    inner = cause
    while inner is not None:  # a time-out in the middle of a body is dressed up as a lost connection
        if isinstance(inner, requests.Timeout | TimeoutError):
            return answers.of_silence(timed_out=True)
        inner = inner.__context__
    return answers.of_silence()


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
        StripeUnavailable: anything else that is not an object.
    """
    if not can_ask_as_app(livemode=livemode):
        raise StripeRefused("The app's own key of this mode is not configured.")
    options: dict[str, Any] = {"stripe_context": context} if context else {}
    if preview:
        options["stripe_version"] = settings.STRIPE_PREVIEW_VERSION
    client = client_for(Secret(_platform_key(livemode)))
    try:
        body = client.raw_request("get", path, **options).data
    except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as error:
        raise StripeRefused(f"Stripe answered {error.http_status}.") from None
    except Exception:  # its text may quote a key
        raise StripeUnavailable("Stripe did not answer.") from None
    if not isinstance(body, dict):
        raise StripeUnavailable("Stripe's answer was not an object.")
    return body


def fetch_event(event_id: str, *, context: str, livemode: bool) -> FetchedEvent:
    """The whole event behind a thin notification, as Stripe holds it now, seen in the merchant's `context`.

    Source: https://docs.stripe.com/api/v2/core/events/retrieve.

    Raises:
        StripeRefused, StripeUnavailable: see `_ask_as_app`.
    """
    body = _ask_as_app(f"/v2/core/events/{event_id}", livemode=livemode, context=context, preview=True)
    data = body.get("data")
    details: dict[str, Any] = data if isinstance(data, dict) else {}
    return FetchedEvent(
        event_id=str(body.get("id", "")),
        type=str(body.get("type", "")),
        stripe_key_id=str(details.get("api_key") or ""),
        new_stripe_key_id=str(details.get("new_api_key") or ""),
    )


def fetch_key_facts(stripe_key_id: str, *, context: str, livemode: bool) -> KeyFacts:
    """What Stripe says of the key `stripe_key_id`; needs an app that Stripe has approved for `api_key_write`.

    The answer may hold a token in test mode, so two fields are copied and the rest is dropped here.

    Raises:
        StripeRefused, StripeUnavailable: see `_ask_as_app`.
    """
    body = _ask_as_app(f"/v2/iam/api_keys/{stripe_key_id}", livemode=livemode, context=context, preview=True)
    return KeyFacts(is_active=body.get("status") == "active", expires_at=_moment(body.get("expires_at")))


def is_installed(stripe_account_id: str, *, livemode: bool) -> bool:
    """Whether the App Installs API shows our app on that account in that mode.

    Source: https://docs.stripe.com/api/apps/installs.

    Raises:
        StripeRefused, StripeUnavailable: see `_ask_as_app`; also when STRIPE_APP_OBJECT_ID is not configured.
    """
    if not settings.STRIPE_APP_OBJECT_ID:
        raise StripeRefused("STRIPE_APP_OBJECT_ID is not configured.")
    query = urlencode({"account": stripe_account_id, "app": settings.STRIPE_APP_OBJECT_ID, "limit": 10})
    body = _ask_as_app(f"/v1/apps/installs?{query}", livemode=livemode)
    rows = body.get("data")
    if not isinstance(rows, list):
        raise StripeUnavailable("Stripe's answer was not a list.")
    return any(isinstance(row, dict) and row.get("status") in ("installed", "installing") for row in rows)


def _moment(value: object) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str) and value:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
