"""Searches for lost deliveries, made at once."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from tests.stripe_keys.keys import AtStripe, bind_account
from webhooks import reconciling
from webhooks.models import AccountCursor, EventNotification, Reconciliation
from work import engine

UPDATED = "v2.iam.api_key.updated"
AN_HOUR_AGO = 3600


def begin(since: datetime | None = None, account: str = "", **options: Any) -> Reconciliation:
    """A search that waits for a worker."""
    return reconciling.begin(options=reconciling.Options(**options), since=since, account=account)


def work_on(run: Reconciliation) -> Reconciliation:
    """The run after a worker did all that is due now."""
    engine.drain("reconciliations", Reconciliation.LANE)
    run.refresh_from_db()
    return run


def search(since: datetime | None = None, account: str = "", **options: Any) -> Reconciliation:
    """A search from its beginning to its end."""
    return work_on(begin(since, account, **options))


def last_search_was(hours: float) -> None:
    """Let the site's last whole search have been so many hours ago, and all accounts have been searched until then."""
    then = timezone.now() - timedelta(hours=hours)
    run = search()
    Reconciliation.objects.filter(pk=run.pk).update(created_at=then, finished_at=then)
    AccountCursor.objects.update(listed_until=then, tried_at=then)


def an_account(user: User, at_stripe: AtStripe, **more: Any) -> str:
    """A new account with the app, connected by that user."""
    account = at_stripe.admin.create_account()
    at_stripe.admin.create_install(account)
    bind_account(user, account)
    return account


def happen(
    at_stripe: AtStripe, account: str, *, kind: str = UPDATED, age: float = AN_HOUR_AGO, **more: Any
) -> str:
    """An event on Stripe's side that nobody delivers, `age` seconds ago; returns its id."""
    return at_stripe.admin.emit(kind, account=account, created=timezone.now().timestamp() - age, **more)


def cursor_of(account: str, *, livemode: bool = False) -> AccountCursor:
    """How far an account has been searched."""
    return AccountCursor.objects.get(stripe_account_id=account, livemode=livemode)


def here() -> set[str]:
    """The ids of all events that are here."""
    return set(EventNotification.objects.values_list("event_id", flat=True))


def asked_about(at_stripe: AtStripe, account: str) -> int:
    """How often Stripe was asked for the events of an account."""
    return len(at_stripe.admin.requests(path="/v2/core/events", account=account))
