"""What follows from an event: it is read again at Stripe, then becomes one command of `stripe_keys`.

Events are hints. A handler asks Stripe for the present state and has our keys checked, so that order, repetition and
loss do not matter. It asks outside any transaction and returns what to do; that is done in the transaction that settles
the row (`webhooks.processing`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils import timezone

from stripe_keys import install_reports, our_apps, reports
from stripe_keys.secret_key_migration import SaidBy
from webhooks.models import EventNotification
from webhooks.reading import object_of

Outcome = EventNotification.Outcome
# Stripe lets a replaced key work for seven days at most.
ROTATION_WAITS = timedelta(days=8)
UNKNOWN_ACCOUNT, UNKNOWN_KEY, WAITED_LONG = "unknown_account", "unknown_key", "waited_long"
_KEY_ID = re.compile(r"mk_[A-Za-z0-9]{8,100}", re.ASCII)
_CHANGES = {
    "created": "Stripe reported that the key was made.",
    "updated": "The key's name or settings were changed at Stripe.",
    "permissions_updated": "The key's permissions were changed at Stripe.",
    "default_secret_revealed": "The key was revealed in the Stripe Dashboard.",
}


@dataclass(frozen=True)
class Named:
    """The key that an event is about, the one that replaced it, and when it will end, as far as Stripe says so."""

    key_id: str = ""
    new_key_id: str = ""
    is_end_known: bool = False
    ends_at: datetime | None = None
    """None where it has no end, if that is known."""
    note: str = ""
    is_hearsay: bool = False
    """Whether the notification alone says so; then the key is checked, and nothing is said of it."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a handler knows: whom the event is about, and its body. `livemode` is the event's own."""

    event: EventNotification
    stripe_account_id: str
    livemode: bool
    reported_at: datetime
    body: dict[str, Any]
    named: Named = Named()

    @property
    def whose(self) -> dict[str, Any]:
        """The account and mode, as the commands of `stripe_keys` want them."""
        return {"stripe_account_id": self.stripe_account_id, "livemode": self.livemode}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do inside the settling transaction; `do(now=…)` returns how many rows of ours it concerned.

    Where that is none and it may be otherwise later (`is_early`), the event is parked.
    """

    do: Callable[..., int] | None = None
    outcome: str = ""
    note: str = ""
    stripe_key_id: str = ""
    new_stripe_key_id: str = ""
    is_early: bool = False

    def end(self, concerned: int) -> dict[str, str]:
        """What is written down of the event, when so many rows of ours were concerned."""
        outcome, note = self.outcome or (Outcome.APPLIED if concerned else Outcome.UNMATCHED), self.note
        if not concerned and self.is_early:
            outcome, note = Outcome.PARKED, UNKNOWN_KEY
        return {
            "outcome": str(outcome),
            "outcome_note": note,
            "stripe_key_id": self.stripe_key_id,
            "new_stripe_key_id": self.new_stripe_key_id,
        }


def at_sight(event: EventNotification) -> Plan | None:
    """What follows from an event without asking anybody: nothing, from most that are not for us. None for others."""
    if event.type == PING:
        return Plan(outcome=Outcome.IGNORED, note="ping")
    if event.type not in HANDLERS:
        return Plan(outcome=Outcome.UNKNOWN_TYPE)
    if not event.stripe_account_id:
        return Plan(outcome=Outcome.UNMATCHED, note="names_no_account")
    if event.livemode is None:
        return Plan(outcome=Outcome.UNMATCHED, note="names_no_mode")
    return None


# --- Keys ------------------------------------------------------------------------------------------------------------


def key_changed(told: Told) -> Plan:
    """A key was made, renamed, given other permissions, or revealed: look at it again."""
    if not told.named.key_id:
        return _look_at_all_keys(told)
    if told.named.is_hearsay:
        return _look_at(told)
    kind = told.event.type.rpartition(".")[2]
    what: dict[str, Any] = {"what": _CHANGES[kind], "new_rights": kind == "permissions_updated"}
    key: dict[str, Any] = {**told.whose, "stripe_key_id": told.named.key_id}
    if told.named.is_end_known:
        what |= {"is_end_known": True, "expires_at": told.named.ends_at}
    return _about_key(told, partial(reports.key_changed, **key, **what))


def key_rotated(told: Told) -> Plan:
    """A key was replaced by another: tell the merchant, with the old one's end where Stripe tells us that.

    Where no key of ours has that id it waits for one: Stripe names a key's id when it is checked, and a key may be
    brought here while it still works beside its successor.
    """
    if not told.named.key_id:
        return _look_at_all_keys(told)
    if told.named.is_hearsay:
        return _look_at(told)
    rotated = partial(
        reports.key_rotated,
        **told.whose,
        stripe_key_id=told.named.key_id,
        new_stripe_key_id=told.named.new_key_id,
        expires_at=told.named.ends_at,
        reported_at=told.reported_at,
    )
    # The database's clock has ended the wait; ours may be behind it.
    has_waited = told.event.outcome_note == WAITED_LONG
    is_early = not has_waited and told.reported_at > timezone.now() - ROTATION_WAITS
    return _about_key(told, rotated, is_early=is_early)


def key_expired(told: Told) -> Plan:
    """A key was ended: confirm that with the key itself, if it is one of ours."""
    if not told.named.key_id:
        return _look_at_all_keys(told)
    expired = partial(reports.key_expired, **told.whose, stripe_key_id=told.named.key_id)
    if not told.named.is_hearsay:
        said_by = SaidBy(told.event.event_id, told.reported_at)
        expired = partial(expired, said_by=said_by)
    return _about_key(told, expired)


def related_key(body: dict[str, Any]) -> str:
    """The key that a thin notification itself relates to; empty where it names none."""
    related = body.get("related_object")
    return key_id_in(related.get("id")) if isinstance(related, dict) else ""


def key_id_in(value: object) -> str:
    """The value if it is the id of a key; else nothing."""
    return value if isinstance(value, str) and _KEY_ID.fullmatch(value) else ""


def _about_key(told: Told, do: Callable[..., int], *, is_early: bool = False) -> Plan:
    return Plan(
        do=do,
        note=told.named.note,
        stripe_key_id=told.named.key_id,
        new_stripe_key_id=told.named.new_key_id,
        is_early=is_early,
    )


def _look_at(told: Told) -> Plan:
    return _about_key(told, partial(reports.key_mentioned, **told.whose, stripe_key_id=told.named.key_id))


def _look_at_all_keys(told: Told) -> Plan:
    """Which key it was is not known, so every key of the account is looked at again."""
    note = told.named.note or "names_no_key"
    return Plan(do=partial(reports.account_changed, **told.whose), note=note)


# --- Installs --------------------------------------------------------------------------------------------------------


def app_installed(told: Told) -> Plan:
    """The app came to an account."""
    apps = _apps_in(told)
    return _installed(told, apps) if apps else Plan(outcome=Outcome.IGNORED, note="other_app")


def install_updated(told: Told) -> Plan:
    """Something about the install changed; an uninstall that takes its time is told this way first."""
    apps = _apps_in(told)
    if not apps:
        return Plan(outcome=Outcome.IGNORED, note="other_app")
    shown = _shown(told)
    gone = tuple(app for app in apps if shown[app] is False)
    return _uninstalled(told, gone, shown) if gone else _installed(told, apps)


def app_uninstalled(told: Told) -> Plan:
    """The app left an account, unless Stripe's list of installs says otherwise."""
    apps = _apps_in(told)
    if not apps:
        return Plan(outcome=Outcome.IGNORED, note="other_app")
    return _uninstalled(told, apps, _shown(told))


def _apps_in(told: Told) -> tuple[str, ...]:
    """Those of our apps that the event may be about."""
    return our_apps.meant_by(object_of(told.body).get("app"))


def _shown(told: Told) -> dict[str, bool | None]:
    """Which of our apps Stripe shows on the account now; of two, whether the other is there decides as well."""
    return {app: install_reports.installed_at_stripe(**told.whose, app=app) for app in our_apps.all_of_them()}


def _installed(told: Told, apps: tuple[str, ...]) -> Plan:
    whose = {**told.whose, "reported_at": told.reported_at}
    return Plan(do=_all([partial(install_reports.app_installed, **whose, app=app) for app in apps]))


def _uninstalled(told: Told, apps: tuple[str, ...], shown: dict[str, bool | None]) -> Plan:
    whose = {**told.whose, "reported_at": told.reported_at}
    steps = [
        partial(install_reports.app_uninstalled, **whose, still_installed=shown[app], app=app) for app in apps
    ]
    said = {shown[app] for app in apps}
    is_there = said == {True}
    note = "still_installed" if is_there else "" if False in said else "stripe_not_asked"
    return Plan(do=_all(steps), note=note, outcome=Outcome.IGNORED if is_there else "")


def _all(steps: Sequence[Callable[..., int]]) -> Callable[..., int]:
    """One after the other, as one command."""
    return steps[0] if len(steps) == 1 else partial(_in_turn, steps=tuple(steps))


def _in_turn(*, steps: tuple[Callable[..., int], ...], now: datetime) -> int:
    return max(step(now=now) for step in steps)


PING = "v2.core.event_destination.ping"
ROTATED = "v2.iam.api_key.rotated"
UPDATED = "v2.iam.api_key.updated"
_OF_KEYS: dict[str, Callable[[Told], Plan]] = {
    "v2.iam.api_key.created": key_changed,
    UPDATED: key_changed,
    "v2.iam.api_key.permissions_updated": key_changed,
    "v2.iam.api_key.default_secret_revealed": key_changed,
    ROTATED: key_rotated,
    "v2.iam.api_key.expired": key_expired,
}
KEY_TYPES = tuple(_OF_KEYS)
HANDLERS: dict[str, Callable[[Told], Plan]] = {
    **_OF_KEYS,
    "account.application.authorized": app_installed,
    "account.application.deauthorized": app_uninstalled,
    "apps.install.created": app_installed,
    "apps.install.updated": install_updated,
    "apps.install.deleted": app_uninstalled,
}
