"""What the app asks Stripe with its own key: events, facts of keys, and where it is installed. Nothing is changed."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from django.conf import settings

from stripe_keys import app_answers, gateway
from stripe_keys.app_answers import FetchedEvent, KeyFacts, StripeRefused, StripeUnavailable


def fetch_events(
    asked: Sequence[tuple[str, str]], *, livemode: bool
) -> list[FetchedEvent | StripeRefused | StripeUnavailable]:
    """The whole events behind thin notifications, as Stripe holds them now; all are asked for at the same time.

    Each is asked for by its id, in the merchant's context. One that Stripe does not show is returned as the reason.
    Source: https://docs.stripe.com/api/v2/core/events/retrieve.
    """
    paths = [(f"/v2/core/events/{quote(event_id, safe='')}", context) for event_id, context in asked]
    answers = gateway.ask_all_as_app(paths, livemode=livemode, preview=True)
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
    answers = gateway.ask_all_as_app(paths, livemode=livemode, preview=True)
    return [
        answer if isinstance(answer, Exception) else app_answers.facts_in(answer, key_id)
        for answer, (key_id, _) in zip(answers, asked, strict=True)
    ]


def is_installed(stripe_account_id: str, *, livemode: bool, is_managing: bool = False) -> bool | None:
    """Whether the App Installs API shows our app on that account in that mode; None where its answer does not say.

    `is_managing`: the app that makes keys, where that is another one.

    Source: https://docs.stripe.com/api/apps/installs.

    Raises:
        StripeRefused, StripeUnavailable: see `gateway.ask_as_app`; also when STRIPE_APP_OBJECT_ID is not configured.
    """
    app = (settings.STRIPE_MANAGED_APP_OBJECT_ID if is_managing else "") or settings.STRIPE_APP_OBJECT_ID
    if not app:
        raise StripeRefused("STRIPE_APP_OBJECT_ID is not configured.")
    query = urlencode({"account": stripe_account_id, "app": app, "limit": 10})
    body = gateway.ask_as_app(f"/v1/apps/installs?{query}", livemode=livemode, is_managing=is_managing)
    rows = app_answers.rows_in(body)
    if rows is None:
        raise StripeUnavailable("Stripe's answer was not a list.")
    asked = {"account": stripe_account_id, "app": app, "livemode": livemode}
    named = [row for row in rows if asked == {name: row.get(name, asked[name]) for name in asked}]
    statuses = {str(row.get("status")) for row in named}
    if statuses & app_answers.INSTALLED:
        return True
    is_unclear = len(named) < len(rows) or body.get("has_more") or statuses - app_answers.NOT_INSTALLED
    return None if is_unclear else False


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
