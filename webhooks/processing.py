"""How events are worked on: one at a time, or a backlog of one account along with its eldest event.

Stripe is asked outside any transaction; what follows is written in the one that settles the row, under its fence.
"""

import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from stripe_keys import app_pace, gateway, reports
from webhooks import asking, handlers
from webhooks.handlers import HANDLERS, KEY_TYPES, Named, Plan, Told
from webhooks.models import EventNotification
from work import bundles, engine

LARGEST_BUNDLE = 100
WAITS_FOR_STRIPE = timedelta(days=3)
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=2), timedelta(minutes=10)
_LONGEST_FOR_A_LANE = timedelta(seconds=30)
_PARKED = Plan(outcome=EventNotification.Outcome.PARKED, note=handlers.UNKNOWN_ACCOUNT)


def process(event: EventNotification) -> None:
    """Act on one event and settle it: the engine calls this outside any transaction, under a lease.

    Raises:
        engine.Postpone: Stripe does not answer at the moment, or may not be asked.
        engine.GiveUp: Stripe has not answered for days.
    """
    plan = handlers.at_sight(event)
    livemode = bool(event.livemode)
    if plan is None and not reports.has_account(event.stripe_account_id, livemode=livemode):
        plan = _PARKED
    if plan is None and event.type in KEY_TYPES:
        _process_key_events(event, livemode=livemode)
        return
    if plan is None:
        try:
            plan = HANDLERS[event.type](_told(event))
        except gateway.StripeUnavailable:
            raise _later(event) from None
    with engine.settle(event):
        _end(event, plan, plan.do(now=timezone.now()) if plan.do else 0)


def gave_up(event: EventNotification) -> None:
    """An event that could not be processed still says that something changed: have the account's keys looked at."""
    if event.livemode is not None and event.stripe_account_id:
        reports.account_changed(
            stripe_account_id=event.stripe_account_id, livemode=event.livemode, now=timezone.now()
        )


def _process_key_events(head: EventNotification, *, livemode: bool) -> None:
    """Act on a key's event, and on others of its account along with it unless it has been tried before."""
    others = _taken_along(head, livemode=livemode)
    answers = asking.keys_of([head, *others], livemode=livemode)
    answered = [event for event in others if event.pk in answers]
    unanswered = [event for event in others if event.pk not in answers]
    is_head_answered = head.pk in answers
    later = None if is_head_answered else _later(head)
    if unanswered:
        _note_silence(unanswered)
        longest = _LONGEST_DELAY if answered or is_head_answered else _LONGEST_FOR_A_LANE
        bundles.put_back(unanswered, delay=min(_delay(head), longest), problem="StripeUnavailable")
    if not answered and isinstance(later, engine.Postpone) and others:
        bundles.put_off(head, delay=min(later.delay, _LONGEST_FOR_A_LANE), problem=later.problem)
    if is_head_answered or answered:
        whole: Callable[[EventNotification], AbstractContextManager[None]]
        whole = engine.settle if is_head_answered else engine.hold
        with whole(head):
            ours = [head] if is_head_answered else []
            _apply(head, [*ours, *bundles.lock_taken(answered)], answers)
    if later is not None:
        raise later


def _taken_along(head: EventNotification, *, livemode: bool) -> list[EventNotification]:
    """The events to be processed along with `head`, as many as the app may ask Stripe about now.

    Raises:
        app_pace.NotNow: not even about `head`; what else is due in its lane has been put off.
    """
    wanted = LARGEST_BUNDLE if head.attempts == 1 and head.is_followed else 1
    alike = {"type": list(KEY_TYPES), "livemode": [livemode]}
    if not gateway.can_ask_as_app(livemode=livemode):
        return bundles.take_along(head, limit=wanted - 1, **alike)
    pace = app_pace.pace_of(livemode=livemode)
    try:
        allowed = pace.take(wanted, head.lane)
    except app_pace.NotNow as not_now:
        later = partial(bundles.put_off, head, delay=not_now.delay, problem=not_now.problem)
        pace.line_up(later(spacing=pace.spacing), head.lane)
        raise
    others = bundles.take_along(head, limit=allowed - 1, **alike)
    pace.spend(1 + len(others) - allowed)
    return others


def _apply(
    head: EventNotification, events: Sequence[EventNotification], answers: Mapping[int, Named]
) -> None:
    """Do what follows from the events, once where the same follows from several, and write down what became of each."""
    if len(events) > 1:
        reports.lock_keys(stripe_account_id=head.stripe_account_id, livemode=bool(head.livemode))
    now = timezone.now()
    done: dict[Hashable, int] = {}
    ends = []
    for event in events:
        plan = HANDLERS[event.type](_told(event, answers[event.pk]))
        what = _sameness(plan.do)
        if what not in done:
            done[what] = plan.do(now=now) if plan.do else 0
        if event is head:
            _end(event, plan, done[what])
        else:
            ends.append((event, plan.end(done[what])))
    bundles.finish_taken(ends)


def _sameness(do: Any) -> Hashable:
    """Equal for commands that do the same."""
    return (do.func, repr(sorted(do.keywords.items()))) if do else None


def _end(event: EventNotification, plan: Plan, concerned: int) -> None:
    """Note what became of the event; the engine writes it with the row's end."""
    for field, value in plan.end(concerned).items():
        setattr(event, field, value)


def _told(event: EventNotification, named: Named | None = None) -> Told:
    return Told(
        event=event,
        stripe_account_id=event.stripe_account_id,
        livemode=bool(event.livemode),
        reported_at=event.reported_at,
        body=asking.body_of(event) if named is None else {},  # what Stripe has shown says more
        named=named or Named(),
    )


def _later(event: EventNotification) -> engine.Postpone | engine.GiveUp:
    """Wait for Stripe, longer each time and never in step with others; after days of silence somebody must look.

    Whoever takes up the event after that, or after it was parked, finds Stripe with new patience.
    """
    if _silence(event) > WAITS_FOR_STRIPE:
        EventNotification.objects.filter(pk=event.pk, fence=event.fence).update(silent_since=None)
        return engine.GiveUp("StripeUnavailable")
    _note_silence([event])
    return engine.Postpone(_delay(event), "StripeUnavailable")


def _note_silence(events: Sequence[EventNotification]) -> None:
    """Stripe has just not answered about these."""
    asked = EventNotification.objects.filter(pk__in=[event.pk for event in events], silent_since=None)
    asked.update(silent_since=Now())


def _silence(event: EventNotification) -> timedelta:
    """How long Stripe has been silent about the event by now; nothing where this is the first time."""
    return timezone.now() - event.silent_since if event.silent_since else timedelta()


def _delay(event: EventNotification) -> timedelta:
    """About as long as the silence has lasted. How often the event waited for something else makes no difference."""
    longest = min(max(_silence(event), _FIRST_DELAY), _LONGEST_DELAY)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 # jitter
