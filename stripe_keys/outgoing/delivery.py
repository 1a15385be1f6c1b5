"""Send one message: sign it anew, judge the answer, and try again for three days before it is dead."""

import random
import threading
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys.models import OutgoingMessage
from stripe_keys.outgoing import breaker, endpoints, messages, sending
from work import engine
from work.pool import connection_to_pool
from work.queues import GiveUp, Postpone

LEASE = timedelta(seconds=60)
# What to wait after each failed attempt: Standard Webhooks' own example, with its sum of more than three days.
LADDER = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
)
MOST_ATTEMPTS = len(LADDER) + 1
_dice = random.SystemRandom()


class NotTaken(Exception):
    """The endpoint has answered, but not 2xx; `code` is the status in our own words."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.code = f"http_{status}"


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts, give or take a tenth."""
    return LADDER[min(attempts, len(LADDER)) - 1] * _dice.uniform(0.9, 1.1)


def process(message: OutgoingMessage) -> None:
    """Send a claimed message. 2xx ends it; 410 ends the endpoint; anything else is tried again.

    Called outside any transaction. It may be sent twice when a worker dies: the receiver knows it by its id.

    Raises:
        GiveUp: its endpoint is configured no more, or a test message was not taken.
        Postpone: not now, and it is not the message's fault.
        NotTaken, sending.NoAnswer: a failed attempt.
    """
    endpoint = endpoints.configured().get(message.endpoint)
    if endpoint is None:
        raise GiveUp("EndpointNotConfigured")
    room = _room()
    if not room.acquire(blocking=False):
        raise Postpone(timedelta(seconds=_dice.uniform(1, 2)), "WorkerIsBusy")
    try:
        is_test = message.type == messages.TEST
        was_turn = not is_test and breaker.let_pass(message)
        _deliver(message, endpoint, was_turn=was_turn, is_test=is_test)
    finally:
        room.release()


def _deliver(
    message: OutgoingMessage, endpoint: endpoints.Endpoint, *, was_turn: bool, is_test: bool
) -> None:
    connection_to_pool()
    try:
        status = sending.send(endpoint, message_id=message.message_id, body=message.body, now=timezone.now())
    except sending.NoAnswer as nothing:
        _note_status(message, None)
        if is_test:
            raise GiveUp(engine.problem_of(nothing)) from None
        breaker.note_failure(endpoint.name, was_turn=was_turn)
        raise
    _note_status(message, status)
    if 200 <= status < 300:
        with engine.settle(message):
            pass
        breaker.note_taken(endpoint.name)
        return
    if is_test:
        raise GiveUp(engine.problem_of(NotTaken(status)))
    if status == 410:
        breaker.note_gone(endpoint.name)
        raise Postpone(timedelta(hours=1), breaker.GONE)
    breaker.note_failure(endpoint.name, was_turn=was_turn)
    raise NotTaken(status)


def _note_status(message: OutgoingMessage, status: int | None) -> None:
    """Keep the status of the last answer, which is all that is kept of it; on success the end is written with it."""
    message.last_status = status
    if status is None or not 200 <= status < 300:
        with engine.hold(message):
            OutgoingMessage.objects.filter(pk=message.pk).update(last_status=status)


def on_dead(message: OutgoingMessage) -> None:
    """Tell ops once per endpoint and day; a test message is looked at by whoever has sent it."""
    if message.type != messages.TEST:
        tell_of_dead(message.endpoint)


def tell_of_dead(name: str) -> None:
    """Mail ops that messages to this endpoint are dead, once a day."""
    tell_ops(
        subject=f"Messages to our endpoint {name} are dead",
        body=f"The endpoint {name!r} of PARTNER_WEBHOOKS has not taken one or more messages within three days, or is"
        " configured no more. What they said is not lost: ops desk, Outgoing messages, state dead. Mend the endpoint,"
        " then let them be tried again.",
        dedupe_key=f"outgoing-dead:{name}:{timezone.now():%Y%m%d}",
    )


@lru_cache(maxsize=1)
def _room() -> threading.BoundedSemaphore:
    """Of a worker's threads a quarter may wait for the partner's systems; the others are for keys and events."""
    return threading.BoundedSemaphore(max(1, settings.WORKER_THREADS // 4))
