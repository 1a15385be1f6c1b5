"""Keeping what Stripe sends: one insert, committed before Stripe hears 200; what follows from it is done by workers."""

import json
import logging
from dataclasses import dataclass
from hashlib import sha256

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from webhooks import hiding, oddities, sightings
from webhooks.models import ConflictingDelivery, EventNotification
from webhooks.reading import Reading, parse
from work import ringer

log = logging.getLogger(__name__)
QUEUE = "events"
MAY_DIFFER = "pending_webhooks"  # it counts deliveries, and may do so anew for each
MOST_CONFLICTS = 20  # notes per event; beyond them deliveries are counted alone
Source = EventNotification.Source
_COLUMNS = (
    "event_id",
    "type",
    "payload",
    "livemode",
    "stripe_account_id",
    "context",
    "stripe_created_at",
    "source",
    "secret_name",
    "body",
    "body_sha256",
    "is_masked",
    "lane",
)
_INSERT = """
    INSERT INTO {table} ({columns}, priority, state, attempts, fence, claimed_by, problem, other_bodies,
        stripe_key_id, new_stripe_key_id, outcome, outcome_note)
    VALUES ({values}, 50, 'waiting', 0, 0, '', '', 0, '', '', '', '')
    ON CONFLICT (event_id) DO NOTHING"""
_PLATFORM_LANE = "platform"


@dataclass(frozen=True)
class _Arrival:
    """An event on its way into the inbox. `text` is its body without keys, `digest` that of the bytes that came."""

    reading: Reading
    text: str
    is_masked: bool
    digest: bytes
    size: int
    secret_name: str
    source: str


def store(reading: Reading, body: bytes, *, secret_name: str, source: str = Source.DELIVERED) -> bool:
    """Keep a verified event, or one from Stripe's own list, and ring for it; returns whether it is new.

    The same event again changes nothing. The same id delivered with another body is noted, and the first is kept; what
    Stripe lists is never compared, as it need not be written as it was delivered.
    """
    text = body.decode()
    hidden = hiding.without_keys(text)
    arrival = _Arrival(
        reading=reading,
        text=text if hidden is None else hidden,
        is_masked=hidden is not None,
        digest=sha256(body).digest(),
        size=len(body),
        secret_name=secret_name,
        source=source,
    )
    if not (_insert_masked(arrival) if arrival.is_masked else _insert(arrival)):
        if source == Source.DELIVERED:
            _meet(arrival)
        return False
    if reading.has_odd_context:
        log.warning("event %s has a context that is no path of ids", reading.event_id)
        oddities.tell_of_odd_context(reading)
    ringer.ring_soon_after_commit(QUEUE, _lane(reading))
    return True


def _lane(reading: Reading) -> str:
    return reading.stripe_account_id[: EventNotification._meta.get_field("lane").max_length] or _PLATFORM_LANE


def _insert(arrival: _Arrival) -> bool:
    """One statement, because the ORM cannot say whether it inserted a row or met one."""
    reading = arrival.reading
    payload = EventNotification.Payload.SNAPSHOT if reading.is_snapshot else EventNotification.Payload.THIN
    values = {
        "event_id": reading.event_id,
        "type": reading.type,
        "payload": payload.value,
        "livemode": reading.livemode,
        "stripe_account_id": reading.stripe_account_id,
        "context": reading.context,
        "stripe_created_at": reading.stripe_created_at,
        "source": str(arrival.source),
        "secret_name": arrival.secret_name,
        "body": arrival.text,
        "body_sha256": arrival.digest,
        "is_masked": arrival.is_masked,
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


def _insert_masked(arrival: _Arrival) -> bool:
    with transaction.atomic():
        is_new = _insert(arrival)
        if is_new:
            log.warning(
                "event %s had something in it that looks like a key; it is hidden", arrival.reading.event_id
            )
            oddities.tell_of_hidden_key(arrival.reading, secret_name=arrival.secret_name)
    return is_new


def _meet(arrival: _Arrival) -> None:
    """A delivery whose event is here already: nearly always the same bytes, of which nothing follows."""
    known = (
        EventNotification.objects.filter(event_id=arrival.reading.event_id)
        .only("body_sha256", "source", "secret_name", "type", "stripe_account_id", "livemode")
        .first()
    )
    if known is None:
        return  # it was so old that it has just been pruned
    if known.secret_name != arrival.secret_name:
        sightings.note_seen_again(arrival.secret_name, now=timezone.now())
    if bytes(known.body_sha256) == arrival.digest:
        return
    if _is_listed_twin(known, arrival.reading):
        _adopt(known, arrival)
    elif not _differs_in_what_may_differ_alone(known, arrival):
        _note_conflict(known, arrival)


def _is_listed_twin(known: EventNotification, reading: Reading) -> bool:
    """Whether Stripe's list brought the event, nothing of it was delivered so far, and the delivery does not differ.

    What one of the two leaves out is no difference: a list need not repeat whose it is.
    """
    pairs = (
        (known.stripe_account_id or None, reading.stripe_account_id or None),
        (known.livemode, reading.livemode),
    )
    return (
        known.source == Source.LISTED
        and not known.secret_name
        and known.type == reading.type
        and all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)
    )


def _differs_in_what_may_differ_alone(known: EventNotification, arrival: _Arrival) -> bool:
    """Whether both say the same but for MAY_DIFFER; what has been forgotten can no longer be compared."""
    if not (known.body and arrival.reading.is_snapshot):
        return False
    ours, theirs = (parse(text, may_repeat=True) for text in (known.body, arrival.text))
    for told in (ours, theirs):
        told.pop(MAY_DIFFER, None)
    return json.dumps(ours) == json.dumps(theirs)  # as text: 1 is no 1.0, and not true


def _adopt(known: EventNotification, arrival: _Arrival) -> None:
    """From now on the event is known by the bytes that Stripe signed; that the list brought it first stays visible."""
    with transaction.atomic():
        if _lock_unless_busy(known):
            EventNotification.objects.filter(pk=known.pk).update(
                body=arrival.text,
                body_sha256=arrival.digest,
                is_masked=arrival.is_masked,
                secret_name=arrival.secret_name,
                body_forgotten_at=None,
            )


def _note_conflict(known: EventNotification, arrival: _Arrival) -> None:
    """Write down what came, without its body, and tell ops. Several at once may write a note or two too many."""
    reading, now = arrival.reading, timezone.now()
    log.warning("event %s came again with another body; the first is kept", reading.event_id)
    notes = ConflictingDelivery.objects.filter(event=known)
    with transaction.atomic():
        again = notes.filter(body_sha256=arrival.digest).update(times=F("times") + 1, last_at=now)
        if not again and notes.count() < MOST_CONFLICTS:
            note = ConflictingDelivery(
                event=known,
                body_sha256=arrival.digest,
                size=arrival.size,
                type=reading.type,
                stripe_account_id=reading.stripe_account_id,
                secret_name=arrival.secret_name,
            )
            ConflictingDelivery.objects.bulk_create([note], ignore_conflicts=True)
        if _lock_unless_busy(known):
            EventNotification.objects.filter(pk=known.pk).update(other_bodies=F("other_bodies") + 1)
        oddities.tell_of_conflict(reading, secret_name=arrival.secret_name)


def _lock_unless_busy(known: EventNotification) -> bool:
    """Whether the row is ours to change now. A worker may be frozen while it holds it, and Stripe does not wait."""
    rows = EventNotification.objects.select_for_update(skip_locked=True, no_key=True)
    return rows.filter(pk=known.pk).values_list("pk").first() is not None
