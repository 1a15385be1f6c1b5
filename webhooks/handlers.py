"""What follows from an event: it is read again at Stripe, then becomes one command of `stripe_keys`.

Events are hints. A handler asks Stripe for the present state and has our keys checked, so that order, repetition and
loss do not matter. It asks outside any transaction and returns what to do; that is done in the transaction that settles
the row.
"""

import logging
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from stripe_keys import gateway, reports
from webhooks.models import EventNotification
from webhooks.reading import object_of, parse
from work import engine

log = logging.getLogger(__name__)
Outcome = EventNotification.Outcome
WAITS_FOR_STRIPE = timedelta(days=3)
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 600.0
_KEY_ID = re.compile(r"mk_[A-Za-z0-9]{8,100}", re.ASCII)
_CHANGES = {
    "created": "Stripe reported that the key was made.",
    "updated": "The key's name or settings were changed at Stripe.",
    "permissions_updated": "The key's permissions were changed at Stripe.",
    "default_secret_revealed": "The key was revealed in the Stripe Dashboard.",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a handler knows: whom the event is about, and its body. `livemode` is the event's own."""

    event: EventNotification
    stripe_account_id: str
    livemode: bool
    reported_at: datetime
    body: dict[str, Any]

    @property
    def whose(self) -> dict[str, Any]:
        """The account and mode, as the commands of `stripe_keys` want them."""
        return {"stripe_account_id": self.stripe_account_id, "livemode": self.livemode}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do inside the settling transaction; `do(now=…)` returns how many rows of ours it concerned."""

    do: Callable[..., int] | None = None
    outcome: str = ""
    note: str = ""
    stripe_key_id: str = ""
    new_stripe_key_id: str = ""


def process(event: EventNotification) -> None:
    """Act on one event and settle it: the engine calls this outside any transaction, under a lease.

    Raises:
        engine.Postpone: Stripe does not answer at the moment.
        engine.GiveUp: Stripe has not answered for days.
    """
    try:
        plan = _plan(event)
    except gateway.StripeUnavailable:
        raise _later(event) from None
    with engine.settle(event):
        concerned = plan.do(now=timezone.now()) if plan.do else 0
        EventNotification.objects.filter(pk=event.pk).update(
            outcome=plan.outcome or (Outcome.APPLIED if concerned else Outcome.UNMATCHED),
            outcome_note=plan.note,
            stripe_key_id=plan.stripe_key_id,
            new_stripe_key_id=plan.new_stripe_key_id,
        )


def gave_up(event: EventNotification) -> None:
    """An event that could not be processed still says that something changed: have the account's keys looked at."""
    if event.livemode is not None and event.stripe_account_id:
        reports.account_changed(
            stripe_account_id=event.stripe_account_id, livemode=event.livemode, now=timezone.now()
        )


def _plan(event: EventNotification) -> Plan:
    if event.type == PING:
        return Plan(outcome=Outcome.IGNORED, note="ping")
    handler = HANDLERS.get(event.type)
    if handler is None:
        return Plan(outcome=Outcome.UNKNOWN_TYPE)
    if not event.stripe_account_id:
        return Plan(outcome=Outcome.UNMATCHED, note="names_no_account")
    if event.livemode is None:
        return Plan(outcome=Outcome.UNMATCHED, note="names_no_mode")
    if not reports.has_account(event.stripe_account_id, livemode=event.livemode):
        return Plan(outcome=Outcome.UNMATCHED, note="unknown_account")
    return handler(
        Told(
            event=event,
            stripe_account_id=event.stripe_account_id,
            livemode=event.livemode,
            reported_at=event.stripe_created_at or event.created_at,
            body=parse(event.body),
        )
    )


def _later(event: EventNotification) -> Exception:
    """Wait for Stripe, longer each time and never in step with others; after days somebody must look."""
    if timezone.now() - event.created_at > WAITS_FOR_STRIPE:
        return engine.GiveUp("StripeUnavailable")
    longest = min(_FIRST_DELAY * 2 ** min(event.fence, 12), _LONGEST_DELAY)
    delay = timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 # jitter
    return engine.Postpone(delay, "StripeUnavailable")


# --- Keys ------------------------------------------------------------------------------------------------------------


def key_changed(told: Told) -> Plan:
    """A key was made, renamed, given other permissions, or revealed: look at it again."""
    key_id, _, note = _keys_named(told)
    if not key_id:
        return _look_at_all_keys(told, note)
    kind = told.event.type.rpartition(".")[2]
    change = partial(reports.key_changed, what=_CHANGES[kind], new_rights=kind == "permissions_updated")
    return Plan(
        do=partial(change, **told.whose, stripe_key_id=key_id),
        stripe_key_id=key_id,
        note=note,
    )


def key_rotated(told: Told) -> Plan:
    """A key was replaced by another: tell the merchant, with the old one's end where Stripe tells us that."""
    key_id, new_key_id, note = _keys_named(told)
    if not key_id:
        return _look_at_all_keys(told, note)
    expires_at = reports.end_of_overlap(key_id, context=told.event.context, livemode=told.livemode)
    return Plan(
        do=partial(
            reports.key_rotated,
            **told.whose,
            stripe_key_id=key_id,
            new_stripe_key_id=new_key_id,
            expires_at=expires_at,
            reported_at=told.reported_at,
        ),
        stripe_key_id=key_id,
        new_stripe_key_id=new_key_id,
        note=note,
    )


def key_expired(told: Told) -> Plan:
    """A key was ended: confirm that with the key itself."""
    key_id, _, note = _keys_named(told)
    if not key_id:
        return _look_at_all_keys(told, note)
    return Plan(
        do=partial(reports.key_expired, **told.whose, stripe_key_id=key_id), stripe_key_id=key_id, note=note
    )


def _keys_named(told: Told) -> tuple[str, str, str]:
    """The key that the event is about, the one that replaced it, and a note. Only the fetched event names both.

    Raises:
        gateway.StripeUnavailable: Stripe did not answer this time.
    """
    event = told.event
    try:
        fetched = gateway.fetch_event(event.event_id, context=event.context, livemode=told.livemode)
    except gateway.StripeRefused:
        return _related_key(told.body), "", "not_fetched"
    if fetched.type != event.type:
        log.warning("event %s has another type at Stripe than in its notification", event.event_id)
        return "", "", "other_type_at_stripe"
    return _key_id(fetched.stripe_key_id), _key_id(fetched.new_stripe_key_id), ""


def _related_key(body: dict[str, Any]) -> str:
    related = body.get("related_object")
    return _key_id(related.get("id")) if isinstance(related, dict) else ""


def _key_id(value: object) -> str:
    return value if isinstance(value, str) and _KEY_ID.fullmatch(value) else ""


def _look_at_all_keys(told: Told, note: str) -> Plan:
    """Which key it was is not known, so every key of the account is looked at again."""
    return Plan(do=partial(reports.account_changed, **told.whose), note=note or "names_no_key")


# --- Installs --------------------------------------------------------------------------------------------------------


def app_installed(told: Told) -> Plan:
    """The app came to an account."""
    if _is_of_other_app(told):
        return Plan(outcome=Outcome.IGNORED, note="other_app")
    return Plan(do=partial(reports.app_installed, **told.whose, reported_at=told.reported_at))


def install_updated(told: Told) -> Plan:
    """Something about the install changed; an uninstall that takes its time is told this way first."""
    if _is_of_other_app(told):
        return Plan(outcome=Outcome.IGNORED, note="other_app")
    if reports.installed_at_stripe(told.stripe_account_id, livemode=told.livemode) is False:
        return _uninstalled(told, still_installed=False)
    return Plan(do=partial(reports.app_installed, **told.whose, reported_at=told.reported_at))


def app_uninstalled(told: Told) -> Plan:
    """The app left an account, unless Stripe's list of installs says otherwise."""
    if _is_of_other_app(told):
        return Plan(outcome=Outcome.IGNORED, note="other_app")
    present = reports.installed_at_stripe(told.stripe_account_id, livemode=told.livemode)
    return _uninstalled(told, still_installed=present)


def _uninstalled(told: Told, *, still_installed: bool | None) -> Plan:
    return Plan(
        do=partial(
            reports.app_uninstalled,
            **told.whose,
            reported_at=told.reported_at,
            still_installed=still_installed,
        ),
        note="still_installed" if still_installed else "",
        outcome=Outcome.IGNORED if still_installed else "",
    )


def _is_of_other_app(told: Told) -> bool:
    """Whether the install is of another app of ours; an application's `ca_…` id is not configured, so not compared."""
    app = object_of(told.body).get("app")
    return (
        bool(settings.STRIPE_APP_OBJECT_ID) and isinstance(app, str) and app != settings.STRIPE_APP_OBJECT_ID
    )


PING = "v2.core.event_destination.ping"
HANDLERS: dict[str, Callable[[Told], Plan]] = {
    "v2.iam.api_key.created": key_changed,
    "v2.iam.api_key.updated": key_changed,
    "v2.iam.api_key.permissions_updated": key_changed,
    "v2.iam.api_key.default_secret_revealed": key_changed,
    "v2.iam.api_key.rotated": key_rotated,
    "v2.iam.api_key.expired": key_expired,
    "account.application.authorized": app_installed,
    "account.application.deauthorized": app_uninstalled,
    "apps.install.created": app_installed,
    "apps.install.updated": install_updated,
    "apps.install.deleted": app_uninstalled,
}
