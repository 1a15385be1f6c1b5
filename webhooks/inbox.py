"""Keeping what Stripe sends: one insert, committed before Stripe hears 200; what follows from it is done by workers."""

import logging
from hashlib import sha256

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from webhooks.models import EventNotification
from webhooks.reading import Reading
from work import bell

log = logging.getLogger(__name__)
QUEUE = "events"
_COLUMNS = (
    "event_id",
    "type",
    "payload",
    "livemode",
    "stripe_account_id",
    "context",
    "stripe_created_at",
    "secret_name",
    "body",
    "body_sha256",
    "lane",
)
_INSERT = """
    INSERT INTO {table} ({columns}, priority, state, attempts, fence, claimed_by, problem, other_bodies,
        stripe_key_id, new_stripe_key_id, outcome, outcome_note)
    VALUES ({values}, 50, 'waiting', 0, 0, '', '', 0, '', '', '', '')
    ON CONFLICT (event_id) DO NOTHING"""
_PLATFORM_LANE = "platform"


def store(reading: Reading, body: bytes, *, secret_name: str) -> bool:
    """Keep a verified event and ring for it; returns whether it is new.

    The same event again changes nothing. The same id with another body is counted and logged; the first is kept.
    """
    digest = sha256(body).digest()
    if not _insert(reading, body, digest, secret_name):
        _note_other_body(reading.event_id, digest)
        return False
    if reading.has_odd_context:
        log.warning("event %s has a context that is no path of ids", reading.event_id)
    bell.ring_on_commit(QUEUE, _lane(reading))
    return True


def process_again(event: EventNotification) -> bool:
    """Have an event that is done or dead processed from the beginning; False if it is neither."""
    ended = EventNotification.objects.filter(pk=event.pk, state__in=["done", "dead"])
    again = ended.update(
        state=EventNotification.State.WAITING,
        attempts=0,
        due_at=Now(),
        finished_at=None,
        problem="",
        outcome="",
        outcome_note="",
    )
    if again:
        bell.ring_on_commit(QUEUE, event.lane)
    return bool(again)


def _lane(reading: Reading) -> str:
    return reading.stripe_account_id[: EventNotification._meta.get_field("lane").max_length] or _PLATFORM_LANE


def _insert(reading: Reading, body: bytes, digest: bytes, secret_name: str) -> bool:
    """One statement, because the ORM cannot say whether it inserted a row or met one."""
    payload = EventNotification.Payload.SNAPSHOT if reading.is_snapshot else EventNotification.Payload.THIN
    values = {
        "event_id": reading.event_id,
        "type": reading.type,
        "payload": payload.value,
        "livemode": reading.livemode,
        "stripe_account_id": reading.stripe_account_id,
        "context": reading.context,
        "stripe_created_at": reading.stripe_created_at,
        "secret_name": secret_name,
        "body": body.decode(),
        "body_sha256": digest,
        "lane": _lane(reading),
    }
    statement = _INSERT.format(
        table=connection.ops.quote_name(EventNotification._meta.db_table),
        columns=", ".join(_COLUMNS),
        values=", ".join(f"%({column})s" for column in _COLUMNS),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)


def _note_other_body(event_id: str, digest: bytes) -> None:
    with transaction.atomic():
        other = EventNotification.objects.filter(event_id=event_id).exclude(body_sha256=digest)
        if other.update(other_bodies=F("other_bodies") + 1):
            log.warning("event %s came again with another body; the first is kept", event_id)
