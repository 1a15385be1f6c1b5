"""Which keys events are about: Stripe is asked for all of them at the same time, outside any transaction."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stripe_keys import app_pace, gateway
from stripe_keys.gateway import FetchedEvent, StripeRefused, StripeThrottled, StripeUnavailable, app_questions
from webhooks.handlers import ROTATED, UPDATED, Named, key_id_in, related_key
from webhooks.models import EventNotification
from webhooks.reading import parse
from work.pool import connection_to_pool

log = logging.getLogger(__name__)
_REFUSED_FOR = 600.0
# No key of ours is configured (0), or Stripe does not let the app look: that says nothing about the event.
_MAY_NOT_LOOK = (0, 401, 403)


class _Ends:
    """Of which events Stripe is asked when their key will end: only apps approved for `api_key_write` are told.

    A rotation is always worth the question. Where it was forbidden, no other event is for some minutes.
    """

    def __init__(self) -> None:
        self._refused_until: dict[bool, float] = {}

    def types(self, *, livemode: bool) -> tuple[str, ...]:
        is_refused = time.monotonic() < self._refused_until.get(livemode, 0.0)
        return (ROTATED,) if is_refused else (ROTATED, UPDATED)

    def note_refusal(self, refusal: StripeRefused, *, livemode: bool) -> None:
        if refusal.status == 403:
            self._refused_until[livemode] = time.monotonic() + _REFUSED_FOR

    def forget(self) -> None:
        self._refused_until.clear()


ends = _Ends()


def keys_of(events: Sequence[EventNotification], *, livemode: bool) -> dict[int, Named]:
    """What each event, by its row's id, says of keys; those that Stripe did not answer about are missing.

    All are of that mode. Only the event as Stripe shows it names its keys; where that is refused, some notifications
    still name one, to be looked at. An event that Stripe does not have names none, whatever its notification says.
    """
    asked = [(event.event_id, event.context) for event in events]
    connection_to_pool()
    answers = app_questions.fetch_events(asked, livemode=livemode)
    _note_pace(answers, livemode=livemode)
    found = {
        event.pk: _named(event, answer)
        for event, answer in zip(events, answers, strict=True)
        if not isinstance(answer, StripeUnavailable)
    }
    with_end = [event for event in events if event.type in ends.types(livemode=livemode)]
    shown = {pk for pk, named in found.items() if named.key_id and not named.is_hearsay}
    return _with_ends([event for event in with_end if event.pk in shown], found, livemode)


def _named(event: EventNotification, answer: FetchedEvent | StripeRefused) -> Named:
    if isinstance(answer, StripeRefused):
        if answer.status not in _MAY_NOT_LOOK:
            return Named(note="not_at_stripe")
        return Named(related_key(body_of(event)), is_hearsay=True, note="not_fetched")
    if answer.type != event.type:
        log.warning("event %s has another type at Stripe than in its notification", event.event_id)
        return Named(note="other_type_at_stripe")
    return Named(key_id_in(answer.stripe_key_id), key_id_in(answer.new_stripe_key_id))


def _with_ends(
    events: Sequence[EventNotification], found: dict[int, Named], livemode: bool
) -> dict[int, Named]:
    """The same, with the end of the keys of `events`."""
    if not events or not gateway.can_ask_as_app(livemode=livemode):
        return found
    app_pace.pace_of(livemode=livemode).spend(len(events))
    asked = [(found[event.pk].key_id, event.context) for event in events]
    facts = app_questions.fetch_facts_of_keys(asked, livemode=livemode)
    _note_pace(facts, livemode=livemode)
    for event, answer in zip(events, facts, strict=True):
        if isinstance(answer, StripeUnavailable):
            del found[event.pk]
        elif isinstance(answer, StripeRefused):
            ends.note_refusal(answer, livemode=livemode)
        else:
            found[event.pk] = replace(found[event.pk], is_end_known=True, ends_at=answer.expires_at)
    return found


def _note_pace(answers: Sequence[object], *, livemode: bool) -> None:
    throttled = any(isinstance(answer, StripeThrottled) for answer in answers)
    app_pace.pace_of(livemode=livemode).note(throttled=throttled)


def body_of(event: EventNotification) -> dict[str, Any]:
    """The notification's members; none where the body is too old to be kept."""
    return parse(event.body, may_repeat=event.is_masked) if event.body else {}
