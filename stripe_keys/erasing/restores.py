"""After the database was restored: erase and suspend again what the ledger says, trust no sign-in, check every key.

Everything here may be run twice, or be killed and run again. The start-up check lets the site serve once the ledger's
last line is known to the database; so that line is replayed last of all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Merchant, Notice
from stripe_keys import ledger, lifecycle, outgoing
from stripe_keys.erasing import erasures
from stripe_keys.ledger import records
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.ledger.records import Record
from stripe_keys.models import (
    DatabaseRestore,
    InstallState,
    KeyEnvelope,
    LedgerEntry,
    MerchantDataKey,
    RestrictedKey,
    RestrictedKeyQuerySet,
    Validation,
)

ACTOR: Final = "the deletion ledger"
_AT_ONCE = 200
_NUMBERS_SKIPPED = 1_000_000
_LINES_NAMED = 10
Kind = LedgerEntry.Kind
T = TypeVar("T")


@dataclass
class Counts:
    """What a replay found and did, or would do."""

    entries_replayed: int = 0
    keys_erased: int = 0
    envelopes_erased: int = 0
    merchants_closed: int = 0
    keys_to_check: int = 0
    sessions_ended: int = 0
    entries_unknown: int = 0
    lines_passed_over: int = 0

    def add(self, other: "Counts") -> None:
        """Count on."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


class IllFormedLines(Exception):
    """Lines of the ledger are no entries, and nobody said that they are to be passed over; the text names them."""


def preview(file: LedgerFile, *, ledger_was_lost: bool = False, pass_over_bad_lines: bool = False) -> Counts:
    """What `replay` would do now; changes nothing, and raises what `replay` would raise."""
    counts = Counts(sessions_ended=Session.objects.count())
    counts.lines_passed_over = _examine(file, ledger_was_lost, pass_over_bad_lines)
    erased, closed = set[UUID](), set[UUID]()
    for batch in _batches(file.records()):
        known = _known(batch)
        counts.entries_replayed += len(known)
        counts.entries_unknown += len(batch) - len(known)
        erased |= _ids(known, Kind.KEY_ERASED, "key")
        closed |= _ids(known, Kind.MERCHANT_CLOSED, "merchant")
    ending = Q(pk__in=erased) | Q(merchant__in=closed)
    counts.keys_erased = RestrictedKey.objects.kept().filter(ending).count()
    counts.envelopes_erased = _useless_envelopes().count()
    counts.merchants_closed = Merchant.objects.filter(pk__in=closed, closed_at=None).count()
    counts.keys_to_check = _to_check().exclude(ending).count()
    return counts


def replay(
    file: LedgerFile,
    *,
    ledger_was_lost: bool = False,
    pass_over_bad_lines: bool = False,
    say: Callable[[str], None],
) -> Counts:
    """Make the restored database forget what the ledger remembers, and have every key checked before it is used.

    Raises, before anything is changed:
        IllFormedLines: lines of the ledger are no entries, and nobody said that they are to be passed over.
        ContradictsDatabase: the ledger lacks what this database knows to be in it, and nobody said that it was lost.
        OSError: the file cannot be read, or another process uses it.
    """
    with file.opened() as opened:
        passed_over = _examine(file, ledger_was_lost, pass_over_bad_lines)
        restore = DatabaseRestore.objects.create()  # from here on no key is handed out unchecked
        counts = _forget_sign_ins()
        counts.lines_passed_over = passed_over
        say("Everybody is signed out.")
        last = opened.tail()[-1:]
        before = (
            record for record in file.records() if record["entry"] not in {one["entry"] for one in last}
        )
        for batch in _batches(before):
            counts.add(_replay_batch(batch))
            say(f"{counts.entries_replayed} entries replayed ...")
        say("Every key is given a check ...")
        _request_checks(restore.restored_at)
        with transaction.atomic():
            counts.add(_replay_batch(last))
            counts.envelopes_erased += _useless_envelopes().delete()[0]
            MerchantDataKey.objects.filter(merchant__closed_at__isnull=False).delete()
            counts.keys_to_check = _to_check().count()
            _write_down(restore, counts)
        ledger.add_missing(file, opened)
    return counts


def _examine(file: LedgerFile, ledger_was_lost: bool, pass_over_bad_lines: bool) -> int:
    """Refuse a ledger that is not whole, unless somebody said to go on; how many lines are passed over."""
    bad = file.ill_formed()
    if bad and not pass_over_bad_lines:
        named = ", ".join(str(number) for number in bad[:_LINES_NAMED])
        more = f" and {len(bad) - _LINES_NAMED} more" if len(bad) > _LINES_NAMED else ""
        raise IllFormedLines(f"Lines of the deletion ledger are whole and no entries: {named}{more}.")
    if not ledger_was_lost and ledger.lacks_what_was_settled(file):
        raise ledger.ContradictsDatabase(ledger.INCOMPLETE)
    return len(bad)


# --- Erasing again ---------------------------------------------------------------------------------------------------


@transaction.atomic
def _replay_batch(batch: list[Record]) -> Counts:
    """Erase what these records name, as far as it is there, and let the database know of them."""
    _learn(batch)  # first: what is noted already is not noted anew
    known = _known(batch)
    counts = Counts(entries_replayed=len(known), entries_unknown=len(batch) - len(known))
    told = {UUID(record["key"]): record for record in known if record["kind"] == Kind.KEY_ERASED}
    for key in RestrictedKey.objects.kept().filter(pk__in=told).locked_in_turn():
        _end(key, told[key.pk])
        counts.keys_erased += 1
    for record in known:  # in their order: the last one counts
        _suspend_or_resume(record)
    now = timezone.now()
    for merchant in Merchant.objects.filter(pk__in=_ids(known, Kind.MERCHANT_CLOSED, "merchant")):
        counts.merchants_closed += merchant.closed_at is None
        counts.keys_erased += erasures.erase_merchant(
            merchant=merchant, actor=ACTOR, reason="The account was closed before a restore.", now=now
        )
    return counts


def _end(key: RestrictedKey, record: Record) -> None:
    reason = f"Erased again after a restore of the database. {record['reason']}".strip()
    to = RestrictedKey.Status.REMOVED if record["status"] in RestrictedKey.KEPT else record["status"]
    try:
        lifecycle.move(key, to, actor=ACTOR, reason=reason)
    except lifecycle.NotAMove:  # it was not as far in its life when the dump was made
        lifecycle.move(key, RestrictedKey.Status.REMOVED, actor=ACTOR, reason=reason)


def _suspend_or_resume(record: Record) -> None:
    """Let a suspension, or its end, hold again; a history that says so already is not told twice."""
    if record["kind"] not in (Kind.KEY_SUSPENDED, Kind.KEY_RESUMED):
        return
    is_suspended = record["kind"] == Kind.KEY_SUSPENDED
    keys = RestrictedKey.objects.kept().filter(pk=record["key"], suspended_at__isnull=is_suspended)
    for key in keys.locked_in_turn():
        since = datetime.fromisoformat(record["at"]) if is_suspended else None
        RestrictedKey.objects.filter(pk=key.pk).update(suspended_at=since)
        key.suspended_at = since
        what = "Suspended" if is_suspended else "The suspension was lifted"
        change = lifecycle.record(key, actor=ACTOR, reason=f"{what} again after a restore of the database.")
        told = outgoing.SUSPENDED if is_suspended else outgoing.RESUMED
        outgoing.tell_standing(key, told, change, code="after_restore")


def _learn(batch: list[Record]) -> None:
    """Give the database the entries that it lacks, and settle those that the file has."""
    rows = [_row_of(record) for record in batch]
    LedgerEntry.objects.bulk_create(rows, ignore_conflicts=True)
    waiting = LedgerEntry.objects.filter(
        entry_id__in=[row.entry_id for row in rows], state=LedgerEntry.State.WAITING
    )
    waiting.update(state=LedgerEntry.State.DONE, finished_at=Now(), problem="")


def _row_of(record: Record) -> LedgerEntry:
    row = LedgerEntry(
        lane=LedgerEntry.LANE,
        state=LedgerEntry.State.DONE,
        finished_at=Now(),
        entry_id=UUID(record["entry"]),
        kind=Kind.MARK,
    )
    if record["v"] == records.VERSION:  # of another one no more is known than that it was there
        row.kind = record["kind"]
        row.merchant_id, row.key_id = _uuid(record["merchant"]), _uuid(record["key"])
        row.status, row.reason = record["status"][:10], record["reason"][:300]
        row.erased_at = datetime.fromisoformat(record["at"])
    return row


def _useless_envelopes() -> QuerySet[KeyEnvelope]:
    """Envelopes of keys that have ended."""
    return KeyEnvelope.objects.exclude(key__status__in=RestrictedKey.KEPT)


# --- Trusting nothing ------------------------------------------------------------------------------------------------


@transaction.atomic
def _forget_sign_ins() -> Counts:
    """End every session and every way to Stripe: who signed out, or used one, since the dump must not find it alive.

    Numbers of notices go on well beyond those of the dump: mails sent since then carry the next ones in their
    Message-ID, and a mailbox shows only one mail of each.
    """
    ended = Session.objects.count()
    Session.objects.all().delete()
    UserSession.objects.all().delete()
    InstallState.objects.all().delete()
    caches["default"].clear()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(sequence, nextval(sequence) + %s) FROM pg_get_serial_sequence(%s, 'id') AS sequence",
            [_NUMBERS_SKIPPED, Notice._meta.db_table],
        )
    return Counts(sessions_ended=ended)


def _to_check() -> RestrictedKeyQuerySet:
    """Keys that are kept; but for those whose merchant must say first which account is theirs."""
    return RestrictedKey.objects.kept().filter(awaits_account_confirmation=False, awaits_account_id=False)


def _request_checks(now: datetime) -> None:
    # No bells: the workers are not there yet, and find what is due by themselves.
    pks = _to_check().order_by("pk").values_list("pk", flat=True)
    for batch in _batches(pks.iterator()):
        with transaction.atomic():
            for key in _to_check().filter(pk__in=batch).locked_in_turn():
                lifecycle.request_validation(
                    key, reason=Validation.Reason.RESTORED, now=now, delay=timedelta(seconds=1)
                )


def _write_down(restore: DatabaseRestore, counts: Counts) -> None:
    DatabaseRestore.objects.filter(pk=restore.pk).update(
        entries_replayed=counts.entries_replayed,
        keys_erased=counts.keys_erased,
        merchants_closed=counts.merchants_closed,
        keys_to_check=counts.keys_to_check,
    )


# --- Reading records -------------------------------------------------------------------------------------------------


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch


def _known(batch: list[Record]) -> list[Record]:
    """Those that this version knows how to replay."""
    return [one for one in batch if one["v"] == records.VERSION and one["kind"] in Kind.values]


def _ids(batch: list[Record], kind: str, name: str) -> set[UUID]:
    return {UUID(record[name]) for record in batch if record["kind"] == kind}


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
