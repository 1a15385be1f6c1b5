"""What the app asks Stripe with its own key: events, facts of keys, and where it is installed. Nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from stripe_keys import gateway, our_apps
from stripe_keys.gateway import app_answers
from stripe_keys.gateway.app_answers import (
    FetchedEvent,
    InstallFacts,
    KeyFacts,
    StripeRefused,
    StripeUnavailable,
)

_NO_SUCH_THING = 404


@dataclass(frozen=True)
class Shown:
    """Whether the App Installs API shows our app on an account (None: it does not say), and what it says of it then."""

    is_there: bool | None
    facts: InstallFacts | None = None


def ask_either(
    asked: Sequence[tuple[str, str]], *, livemode: bool
) -> list[dict[str, Any] | StripeRefused | StripeUnavailable]:
    """Answers about merchants' accounts from a preview of Stripe's, each asked in its context.

    Of two apps the one that makes keys asks first, as such events are sent to it; what it is refused, the other asks.
    """
    answers = gateway.ask_all_as_app(asked, livemode=livemode, preview=True, is_managing=our_apps.are_two())
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, StripeRefused)]
    if not refused or not our_apps.are_two():
        return answers
    again = gateway.ask_all_as_app([asked[number] for number in refused], livemode=livemode, preview=True)
    for number, other in zip(refused, again, strict=True):
        first = answers[number]
        says_less = isinstance(other, StripeRefused) and other.status != _NO_SUCH_THING
        answers[number] = first if says_less else other
    return answers


def fetch_events(
    asked: Sequence[tuple[str, str]], *, livemode: bool
) -> list[FetchedEvent | StripeRefused | StripeUnavailable]:
    """The whole events behind thin notifications, as Stripe holds them now; all are asked for at the same time.

    Each is asked for by its id, in the merchant's context. One that Stripe does not show is returned as the reason.
    Source: https://docs.stripe.com/api/v2/core/events/retrieve.
    """
    paths = [(f"/v2/core/events/{quote(event_id, safe='')}", context) for event_id, context in asked]
    answers = ask_either(paths, livemode=livemode)
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
    answers = ask_either(paths, livemode=livemode)
    return [
        answer if isinstance(answer, Exception) else app_answers.facts_in(answer, key_id)
        for answer, (key_id, _) in zip(answers, asked, strict=True)
    ]


def install_of(stripe_account_id: str, *, livemode: bool, app: str, is_managing: bool = False) -> Shown:
    """What the App Installs API shows of that app of ours on that account in that mode.

    `is_managing`: ask with the key of the app that makes keys, though it may be the same app.

    Source: https://docs.stripe.com/api/apps/installs.

    Raises:
        StripeRefused, StripeUnavailable: see `gateway.ask_as_app`; also when the app's `app_…` id is not configured.
    """
    app_id = our_apps.object_id(app)
    if not app_id:
        raise StripeRefused("The id of the app is not configured.")
    query = urlencode({"account": stripe_account_id, "app": app_id, "limit": 10})
    body = gateway.ask_as_app(
        f"/v1/apps/installs?{query}",
        livemode=livemode,
        is_managing=is_managing or app == our_apps.MANAGING,
    )
    rows = app_answers.rows_in(body)
    if rows is None:
        raise StripeUnavailable("Stripe's answer was not a list.")
    asked = {"account": stripe_account_id, "app": app_id, "livemode": livemode}
    named = [row for row in rows if asked == {name: row.get(name, asked[name]) for name in asked}]
    there = next((row for row in named if str(row.get("status")) in app_answers.INSTALLED), None)
    if there is not None:
        return Shown(True, app_answers.install_in(there))
    statuses = {str(row.get("status")) for row in named}
    is_unclear = len(named) < len(rows) or body.get("has_more") or statuses - app_answers.NOT_INSTALLED
    return Shown(None if is_unclear else False)


def is_installed(stripe_account_id: str, *, livemode: bool) -> bool | None:
    """Whether the App Installs API shows the app whose keys are pasted there; see `install_of`."""
    return install_of(stripe_account_id, livemode=livemode, app=our_apps.PASTING).is_there


def reaches_account(stripe_account_id: str, *, livemode: bool) -> bool | None:
    """Whether Stripe lets the app that makes keys act on that account; no key of the account is touched by asking.

    None where Stripe refuses the question for another reason than the account: the app may lack a permission.

    Raises:
        StripeUnavailable: Stripe did not say.
        StripeRefused: the app's own key is missing or dead.
    """
    try:
        body = gateway.ask_as_app(
            "/v1/account", livemode=livemode, context=stripe_account_id, is_managing=True
        )
    except StripeRefused as refusal:
        if refusal.status in (0, 401):
            raise
        return False if refusal.code == "not_installed" else None
    return body.get("id") == stripe_account_id
