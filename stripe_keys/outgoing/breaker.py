"""When an endpoint of the partner's does not take messages: it is left alone, and the others' turn is not held up.

After a few failures in a row the endpoint's messages are put off all at once, and one of them asks now and then. An
endpoint that says that it is gone (410) is left alone until ops say otherwise.
"""

import random
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys.models import OutgoingMessage, PartnerEndpoint
from stripe_keys.outgoing import messages
from work import bell
from work.queues import Postpone

OPENS_AFTER = 3
WAITS, GONE = "WaitsForEndpoint", "EndpointIsGone"
_SHORTEST, _LONGEST = timedelta(seconds=30), timedelta(minutes=10)
_TRY_LASTS = timedelta(seconds=30)  # longer than a message takes
_GONE_PAUSE = timedelta(hours=1)
_dice = random.SystemRandom()


def let_pass(message: OutgoingMessage) -> bool:
    """Let a message pass whose endpoint takes messages, or whose turn it is to find out; True for the latter.

    Raises:
        Postpone: the endpoint is left alone for now.
    """
    state = PartnerEndpoint.objects.filter(name=message.endpoint).first()
    if state is None or (state.closed_until is None and state.gone_at is None):
        return False
    if state.gone_at is not None:
        raise Postpone(_GONE_PAUSE, GONE)
    open_again = PartnerEndpoint.objects.filter(pk=state.pk, gone_at=None, closed_until__lte=Now())
    if open_again.update(closed_until=Now() + _TRY_LASTS):
        _put_off(message.endpoint, _TRY_LASTS, WAITS)
        return True
    wait = (state.closed_until or timezone.now()) - timezone.now()
    raise Postpone(max(wait, timedelta(seconds=1)) + timedelta(seconds=_dice.uniform(0, 2)), WAITS)


def note_taken(name: str) -> None:
    """The endpoint has just taken a message: what waited for it is due."""
    troubled = PartnerEndpoint.objects.filter(name=name, failing_since__isnull=False)
    if troubled.update(failures=0, failing_since=None, closed_until=None, gone_at=None):
        _make_due(name)


def note_failure(name: str, *, was_turn: bool) -> None:
    """The endpoint has not taken a message. Failures of messages that were under way already count once."""
    with transaction.atomic():
        state = _locked(name)
        if state.gone_at is not None or (state.closed_until is not None and not was_turn):
            return
        state.failures += 1
        state.save(update_fields=["failures"])
        PartnerEndpoint.objects.filter(pk=state.pk).update(failing_since=Coalesce("failing_since", Now()))
        if state.failures >= OPENS_AFTER:
            longest = min(_SHORTEST * 2 ** min(state.failures - OPENS_AFTER, 6), _LONGEST)
            pause = longest * _dice.uniform(0.8, 1)
            PartnerEndpoint.objects.filter(pk=state.pk).update(closed_until=Now() + pause)
            _put_off(name, pause, WAITS)


def note_gone(name: str) -> None:
    """The endpoint has answered 410: send it nothing until ops have had a look, and tell them."""
    with transaction.atomic():
        state = _locked(name)
        if state.gone_at is not None:
            return
        PartnerEndpoint.objects.filter(pk=state.pk).update(
            gone_at=Now(), failing_since=Coalesce("failing_since", Now()), failures=F("failures") + 1
        )
        _put_off(name, _GONE_PAUSE, GONE)
        tell_ops(
            subject=f"An endpoint of ours is gone: {name}",
            body=f"The endpoint {name!r} of PARTNER_WEBHOOKS has answered 410 (gone). Nothing is sent to it any more."
            " Its messages wait for four days, and are dead after that.\n\nTake it out of the settings, or mend it and"
            " let it be asked again: ops desk, Partner endpoints.",
            dedupe_key=f"outgoing-gone:{name}:{timezone.now():%Y%m%d}",
        )


def close(name: str) -> bool:
    """Ask the endpoint again at once, as if it had never failed; False if nothing kept us from it."""
    troubled = PartnerEndpoint.objects.filter(name=name, failing_since__isnull=False)
    closed = troubled.update(failures=0, failing_since=None, closed_until=None, gone_at=None)
    if closed:
        _make_due(name)
    return bool(closed)


def _locked(name: str) -> PartnerEndpoint:
    PartnerEndpoint.objects.bulk_create([PartnerEndpoint(name=name)], ignore_conflicts=True)
    return PartnerEndpoint.objects.select_for_update().get(name=name)


def _put_off(name: str, pause: timedelta, problem: str) -> None:
    """Let every message of the endpoint wait that would be due within `pause`, in one statement."""
    waiting = OutgoingMessage.objects.filter(endpoint=name, state=OutgoingMessage.State.WAITING)
    waiting.filter(due_at__lt=Now() + pause).exclude(type=messages.TEST).update(
        due_at=Now() + pause, problem=problem
    )


def _make_due(name: str) -> None:
    waiting = OutgoingMessage.objects.filter(endpoint=name, state=OutgoingMessage.State.WAITING)
    if waiting.filter(problem__in=(WAITS, GONE)).update(due_at=Now(), problem=""):
        for number in range(messages.LANES):
            bell.ring_on_commit(messages.QUEUE, messages.lane_of(name, number), priority=messages.PRIORITY)
