"""Which keys events are about: Stripe is asked for all of them at the same time, outside any transaction."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stripe_keys import app_pace, gateway
from stripe_keys.gateway import FetchedEvent, StripeRefused, StripeThrottled, StripeUnavailable
from webhooks.handlers import ROTATED, Named, key_id_in, related_key
from webhooks.models import EventNotification
from webhooks.reading import parse

log = logging.getLogger(__name__)


def keys_of(events: Sequence[EventNotification], *, livemode: bool) -> dict[int, Named]:
    """What each event, by its row's id, says of keys; those that Stripe did not answer about are missing.

    All are of that mode. Only the event as Stripe shows it names its keys; where that is refused, some notifications
    still name one.
    """
    asked = [(event.event_id, event.context) for event in events]
    answers = gateway.fetch_events(asked, livemode=livemode)
    _note_pace(answers, livemode=livemode)
    found = {
        event.pk: _named(event, answer)
        for event, answer in zip(events, answers, strict=True)
        if not isinstance(answer, StripeUnavailable)
    }
    rotated = [event for event in events if event.type == ROTATED and found.get(event.pk, Named()).key_id]
    return _with_ends(rotated, found, livemode=livemode)


def _named(event: EventNotification, answer: FetchedEvent | StripeRefused) -> Named:
    if isinstance(answer, StripeRefused):
        return Named(related_key(body_of(event)), note="not_fetched")
    if answer.type != event.type:
        log.warning("event %s has another type at Stripe than in its notification", event.event_id)
        return Named(note="other_type_at_stripe")
    return Named(key_id_in(answer.stripe_key_id), key_id_in(answer.new_stripe_key_id))


def _with_ends(
    rotated: Sequence[EventNotification], found: dict[int, Named], *, livemode: bool
) -> dict[int, Named]:
    """The same for rotated keys, with the old one's end: only apps with access to keys are told that."""
    if not rotated or not gateway.can_ask_as_app(livemode=livemode):
        return found
    app_pace.pace_of(livemode=livemode).spend(len(rotated))
    asked = [(found[event.pk].key_id, event.context) for event in rotated]
    facts = gateway.fetch_facts_of_keys(asked, livemode=livemode)
    _note_pace(facts, livemode=livemode)
    for event, answer in zip(rotated, facts, strict=True):
        if isinstance(answer, StripeUnavailable):
            del found[event.pk]
        elif not isinstance(answer, StripeRefused):
            found[event.pk] = replace(found[event.pk], ends_at=answer.expires_at)
    return found


def _note_pace(answers: Sequence[object], *, livemode: bool) -> None:
    throttled = any(isinstance(answer, StripeThrottled) for answer in answers)
    app_pace.pace_of(livemode=livemode).note(throttled=throttled)


def body_of(event: EventNotification) -> dict[str, Any]:
    """The notification's members; none where the body is too old to be kept."""
    return parse(event.body) if event.body else {}
