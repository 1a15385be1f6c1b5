"""What Stripe lists for the app's own key, a page at a time and about several accounts at once: events and installs.

Only members that are named here are copied out of an answer: lists of Stripe's may carry tokens in test mode.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from stripe_keys import gateway, our_apps
from stripe_keys.gateway import app_answers, app_questions
from stripe_keys.gateway.answers import ACCOUNT_ID

log = logging.getLogger(__name__)
AT_ONCE = 100
EVENTS, INSTALLS = "/v2/core/events", "/v1/apps/installs"
MOST_TYPES = 20
ODD_ADDRESS = "odd_page_address"
_EVENT_MEMBERS = ("id", "object", "type", "livemode", "created", "context")
_RELATED_MEMBERS = ("id", "type")
_INSTALL_MEMBERS = ("id", "account", "app", "status", "livemode")
_LONGEST_ADDRESS = 4000
_ADDRESS = re.compile(r"[!-~]+", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Ask:
    """One page to ask for: its path with the query, and the account in whose context (empty: the app's own)."""

    path: str
    livemode: bool
    stripe_account_id: str = ""
    app: str = our_apps.PASTING
    """Of installs: the app of ours that they are of, which asks."""


@dataclass(frozen=True)
class Page:
    """One page, or why there is none: a code of ours.

    `is_answer` is false where Stripe did not answer this time; then nothing follows from it. `next_path` is empty at
    the end.
    """

    rows: tuple[dict[str, Any], ...] = ()
    next_path: str = ""
    problem: str = ""
    is_answer: bool = True


def events_path(types: Sequence[str], *, since: datetime) -> str:
    """The first page of an account's events of these types (20 at most) since then.

    Source: https://docs.stripe.com/api/v2/core/events/list.
    """
    if len(types) > MOST_TYPES:
        raise ValueError("Stripe filters by 20 types at most.")
    moment = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    named = [(f"types[{number}]", kind) for number, kind in enumerate(types)]
    return f"{EVENTS}?{urlencode([*named, ('created[gte]', moment), ('limit', AT_ONCE)])}"


def installs_path(*, after: str = "", app: str = our_apps.PASTING) -> str:
    """A page of the installs of that app of ours, from the one with that id on.

    Source: https://docs.stripe.com/api/apps/installs/list.
    """
    query: dict[str, Any] = {"app": our_apps.object_id(app), "limit": AT_ONCE}
    return f"{INSTALLS}?{urlencode({**query, 'starting_after': after} if after else query)}"


def events(asks: Sequence[Ask]) -> list[Page]:
    """The pages of events that were asked for, in the same order; all are asked for at once. Never raises."""
    return [_page_of_events(answer) for answer in _bodies(asks)]


def installs(ask: Ask) -> Page:
    """One page of installs. Never raises."""
    is_managing = ask.app == our_apps.MANAGING
    asked = [(ask.path, ask.stripe_account_id)]
    (answer,) = gateway.ask_all_as_app(asked, livemode=ask.livemode, is_managing=is_managing)
    return _page_of_installs(answer, ask.app)


def _bodies(asks: Sequence[Ask]) -> list[dict[str, Any] | Exception]:
    """One answer per ask; both modes have keys of their own."""
    found: dict[int, dict[str, Any] | Exception] = {}
    for livemode in (True, False):
        numbers = [number for number, ask in enumerate(asks) if ask.livemode == livemode]
        asked = [(asks[number].path, asks[number].stripe_account_id) for number in numbers]
        if asked:
            answers = app_questions.ask_either(asked, livemode=livemode)
            found.update(zip(numbers, answers, strict=True))
    return [found[number] for number in range(len(asks))]


def _page_of_events(answer: dict[str, Any] | Exception) -> Page:
    rows, trouble = _rows(answer)
    if isinstance(answer, Exception) or rows is None:
        return trouble
    following = answer.get("next_page_url")
    next_path = _path_of(following) if following else ""
    if following and not next_path:
        log.warning("Stripe's list of events goes on at an address that is not its own; it was not asked")
        return Page(problem=ODD_ADDRESS)
    return Page(tuple(_event(row) for row in rows), next_path)


def _page_of_installs(answer: dict[str, Any] | Exception, app: str) -> Page:
    rows, trouble = _rows(answer)
    if isinstance(answer, Exception) or rows is None:
        return trouble
    if app_answers.rows_in(answer) is None:
        return Page(problem="no_answer", is_answer=False)
    found = tuple(_install(row) for row in rows)
    if not answer.get("has_more"):
        return Page(found)
    last = found[-1].get("id")
    if not isinstance(last, str) or not _ID.fullmatch(last):
        return Page(problem=ODD_ADDRESS)
    return Page(found, installs_path(after=last, app=app))


def _rows(answer: dict[str, Any] | Exception) -> tuple[list[dict[str, Any]] | None, Page]:
    """The objects of the list; or None, and the page that says why there is none."""
    if isinstance(answer, gateway.StripeRefused):
        return None, Page(problem=f"refused_{answer.status}" if answer.status else "refused")
    rows = None if isinstance(answer, Exception) else answer.get("data")
    if not isinstance(rows, list):
        return None, Page(problem="no_answer", is_answer=False)
    return [row for row in rows if isinstance(row, dict)], Page()


def _members(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Plain values only: none of these members is an object or a list."""
    return {name: row[name] for name in names if isinstance(row.get(name), str | bool | int)}


def _install(row: dict[str, Any]) -> dict[str, Any]:
    install = _members(row, _INSTALL_MEMBERS)
    if not ACCOUNT_ID.fullmatch(str(install.get("account"))):
        install.pop("account", None)
    return {**install, "facts": app_answers.install_in(row)}


def _event(row: dict[str, Any]) -> dict[str, Any]:
    event = _members(row, _EVENT_MEMBERS)
    related = row.get("related_object")
    if isinstance(related, dict):
        event["related_object"] = _members(related, _RELATED_MEMBERS)
    return event


def _path_of(address: object) -> str:
    """Path and query of a next page's address, if that is the list's own at our own Stripe; else empty.

    The app's key goes wherever this leads.
    """
    if not isinstance(address, str) or len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        return ""
    try:
        parts, base = urlsplit(address), urlsplit(settings.STRIPE_API_BASE)
    except ValueError:
        return ""
    is_whole = bool(parts.scheme or parts.netloc)
    if is_whole and (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
        return ""
    if parts.path != EVENTS or not parts.query or parts.fragment:
        return ""
    return f"{parts.path}?{parts.query}"
