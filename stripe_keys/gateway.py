"""The only door to Stripe: what goes out is decided here, and what comes back leaves as our own small dataclasses.

No exception of the SDK and no text of Stripe's passes this module: messages of Stripe's quote parts of keys. Decisions
rest on status and code; the message only enriches (which account, which key id), because its wording is not versioned.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
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

from stripe_keys.permissions import Probe
from stripe_keys.secret import Secret

__all__ = ["StripeClient"]

PROBES_AT_ONCE = 16
CONNECT_SECONDS = 3.0
_ACCOUNT = re.compile(r"\bacct_[A-Za-z0-9]{8,64}\b", re.ASCII)
_ACCOUNT_IN_TEXT = re.compile(r"account '(acct_[A-Za-z0-9]{8,64})'", re.ASCII)
_KEY_ID_IN_TEXT = re.compile(r"apikeys(?:%2F|/)(mk_[A-Za-z0-9]{8,100})", re.ASCII)


class Answer(StrEnum):
    """What one answer of Stripe's means for the key that asked."""

    GRANTED = "granted"
    MISSING_PERMISSION = "missing_permission"
    REFUSED = "refused"
    EXPIRED = "expired"
    ADDRESS_REFUSED = "address_refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One request's answer, and whom it named: account and key ids are empty where Stripe did not say."""

    answer: Answer
    stripe_account_id: str = ""
    stripe_key_id: str = ""
    problem: str = ""


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
    session.mount("https://", HTTPAdapter(pool_maxsize=32))
    session.mount("http://", HTTPAdapter(pool_maxsize=32))
    session.max_redirects = 0  # Stripe's API does not redirect, and a redirect would carry the key elsewhere
    session.trust_env = False  # a .netrc on the machine would replace the key that we send
    session.cookies.set_policy(_NoCookies())
    return stripe.RequestsClient(timeout=(CONNECT_SECONDS, settings.STRIPE_TIMEOUT_SECONDS), session=session)


def forget_connections() -> None:
    """Let the next call open new connections, with the time-out that the settings have then."""
    _http_client.cache_clear()


def client_for(secret: Secret, *, max_network_retries: int = 0) -> StripeClient:
    """A client of the stable SDK that calls Stripe as `secret`; time-outs and address come from the settings."""
    return StripeClient(
        secret.reveal(),
        http_client=_http_client(),
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=max_network_retries,
    )


def whose_key(secret: Secret) -> Finding:
    """Ask `/v1/account` as `secret`: a 200 names the account, and so does the text of a 403 most of the time.

    Source: https://docs.stripe.com/api/accounts/retrieve. Never raises.
    """
    return _ask(client_for(secret), "/v1/account")


def probe_all(secret: Secret, probes: Iterable[Probe]) -> Iterator[tuple[str, Finding]]:
    """Ask all `probes` as `secret`, several at once; yields each permission with its finding as it arrives."""
    client = client_for(secret)
    with ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        asked = {pool.submit(_ask, client, probe.path): probe.permission for probe in probes}
        for answered in as_completed(asked):
            yield asked[answered], answered.result()


def _ask(client: StripeClient, path: str) -> Finding:
    try:
        body = client.raw_request("get", path).data
    except stripe.AuthenticationError as error:
        return _finding_of_401(error)
    except stripe.PermissionError as error:
        return _finding_of_403(error)
    except stripe.RateLimitError:
        return Finding(Answer.UNKNOWN, problem="rate_limited")
    except stripe.InvalidRequestError as error:
        # Stripe looks at permission before it looks for the object: a well-formed 400 or 404 has passed that test.
        return Finding(Answer.GRANTED if _error_of(error) else Answer.UNKNOWN)
    except stripe.APIConnectionError:
        return Finding(Answer.UNKNOWN, problem="no_connection")
    except Exception:  # whatever the SDK makes of a broken body: unknown, and its text stays here
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    if not isinstance(body, dict) or "object" not in body:
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    named = body.get("id")
    is_account = body["object"] == "account" and isinstance(named, str) and _ACCOUNT.fullmatch(named)
    return Finding(Answer.GRANTED, stripe_account_id=str(named) if is_account else "")


def _error_of(error: stripe.StripeError) -> dict[str, Any]:
    # `error.code` is None for several statuses on v1 paths; the body has it.
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _finding_of_401(error: stripe.StripeError) -> Finding:
    details = _error_of(error)
    if not details:
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    if details.get("code") == "api_key_expired":
        return Finding(Answer.EXPIRED, problem="key_expired")
    if "your IP address" in str(details.get("message", "")):
        return Finding(Answer.ADDRESS_REFUSED, problem="address_refused")
    return Finding(Answer.REFUSED, problem="key_refused")


def _finding_of_403(error: stripe.StripeError) -> Finding:
    details = _error_of(error)
    if not details or details.get("code") in ("account_invalid", "platform_account_required"):
        return Finding(Answer.UNKNOWN, problem="unreadable_answer")
    message = str(details.get("message", ""))
    account, key_id = _ACCOUNT_IN_TEXT.search(message), _KEY_ID_IN_TEXT.search(message)
    return Finding(
        Answer.MISSING_PERMISSION,
        stripe_account_id=account[1] if account else "",
        stripe_key_id=key_id[1] if key_id else "",
    )


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
