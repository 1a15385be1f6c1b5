"""The deletion ledger: what was erased, in a file outside the database, so that no restore brings it back.

Each `LedgerEntry` becomes one line of the file DELETION_LEDGER. A line is written only for a row that the database has
committed; so a last line that the database does not know means that the database is older than the file: it was
restored. `stripe_keys.erasing.restores` then does again what the file remembers.
"""

import logging
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.notices import tell_ops
from stripe_keys.ledger import entries
from stripe_keys.ledger.file import LedgerFile, OpenLedger
from stripe_keys.ledger.records import Record
from stripe_keys.models import DatabaseRestore, LedgerEntry
from work import engine

log = logging.getLogger(__name__)
RESTORED = "This database is older than the deletion ledger: it was restored. Run `manage.py after_restore`."
INCOMPLETE = (
    "The deletion ledger lacks erasures that this database knows: it was lost, or DELETION_LEDGER names another file. "
    "Bring the right one back, or write it anew with `manage.py rebuild_ledger`."
)
_MARKS_KEPT = timedelta(days=7)
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
_WITHOUT_LEDGER_WAIT = timedelta(hours=1)


class ContradictsDatabase(Exception):
    """The ledger's file and this database do not belong together as they are; the text says what to do."""


def ledger_file() -> LedgerFile | None:
    """The file of DELETION_LEDGER; None where there is none, which production refuses."""
    return LedgerFile(settings.DELETION_LEDGER) if settings.DELETION_LEDGER else None


def last_restore() -> DatabaseRestore | None:
    """The newest restore of this database; no key may be used that was not checked since then."""
    return DatabaseRestore.objects.order_by("-restored_at").first()


# --- Writing ---------------------------------------------------------------------------------------------------------


def process(row: LedgerEntry) -> None:
    """Write `row` into the file, then settle it. A worker killed in between writes it twice, which does no harm.

    While the file cannot be written the row waits, for as long as it takes, and ops are told; so it does while the file
    and the database contradict each other, because a new line would hide that.
    """
    file = ledger_file()
    if file is None:
        raise engine.Postpone(_WITHOUT_LEDGER_WAIT, "NoLedgerConfigured")
    _make_durable(row)
    try:
        with file.opened() as opened:
            doubt = _contradiction(file, opened)
            if doubt is None:
                opened.append(record_of(row))
    except OSError as problem:
        _wait(row, f"The deletion ledger cannot be written ({problem.strerror}).", type(problem).__name__)
    if doubt is not None:
        _wait(row, doubt, "LedgerContradictsDatabase")
    with engine.settle(row):
        pass


def _make_durable(row: LedgerEntry) -> None:
    """See to it that no crash of the database takes the row back, also where it commits without waiting for its disk.

    The file would know more than the database, and that is what a restored one looks like.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")  # brings every earlier commit to disk as well
        LedgerEntry.objects.filter(pk=row.pk, fence=row.fence).update(problem="")


def record_of(row: LedgerEntry) -> Record:
    """The line of `row`: ids, moments, and what happened. Version 1."""
    return {
        "v": 1,
        "entry": str(row.entry_id),
        "kind": row.kind,
        "merchant": str(row.merchant_id) if row.merchant_id else None,
        "key": str(row.key_id) if row.key_id else None,
        "status": row.status,
        "reason": row.reason,
        "at": row.erased_at.isoformat(),
    }


def _wait(row: LedgerEntry, sentence: str, problem: str) -> NoReturn:
    log.critical("erasures wait for the deletion ledger: %s", sentence)
    now = timezone.now()
    tell_ops(
        subject="The deletion ledger is not being written",
        body=f"{sentence}\n\nMerchants' keys are erased all the same, but a restore of the database would bring back"
        " those that the ledger does not know yet. The entries wait and are written as soon as that is possible.",
        dedupe_key=f"ledger-waits:{now:%Y-%m-%d}",
    )
    raise engine.Postpone(min(max((now - row.created_at) / 4, _SHORTEST_WAIT), _LONGEST_WAIT), problem)


# --- Comparing -------------------------------------------------------------------------------------------------------


def contradiction() -> str | None:
    """Why the ledger and this database cannot belong together as they are, as a sentence; None if they agree.

    Reads the end of the file only. Raises OSError if there is a file that cannot be read.
    """
    file = ledger_file()
    return _contradiction(file, file) if file is not None else None


def refusal() -> str | None:
    """Why the site must not serve: a contradiction, or a file that cannot be read; None while the database is away."""
    try:
        return contradiction()
    except (DatabaseError, psycopg.Error):
        return None  # away, or not migrated yet: others say so
    except OSError as problem:
        return f"The deletion ledger cannot be read ({problem.strerror}): {settings.DELETION_LEDGER}"


def _contradiction(file: LedgerFile, tail_of: LedgerFile | OpenLedger) -> str | None:
    # The database first: what is settled by now is in the file. Then the file: what is in there was committed before.
    newest = _newest_settled()
    tail = tail_of.tail()
    if tail and not _is_known(tail[-1]):
        return RESTORED
    if newest is None or str(newest) in {record["entry"] for record in tail} or _holds(file, newest):
        return None
    return INCOMPLETE


def lacks_what_was_settled(file: LedgerFile) -> bool:
    """Whether the newest entry that this database knows to be written is nowhere in the file."""
    newest = _newest_settled()
    return newest is not None and not _holds(file, newest)


def _newest_settled() -> UUID | None:
    settled = LedgerEntry.objects.filter(state=LedgerEntry.State.DONE)
    return settled.order_by("-finished_at", "-pk").values_list("entry_id", flat=True).first()


def _is_known(record: Record) -> bool:
    return LedgerEntry.objects.filter(entry_id=UUID(record["entry"])).exists()


def _holds(file: LedgerFile, entry_id: UUID) -> bool:
    """Whether the entry is anywhere in the file: clocks that were put back disturb the order of the newest."""
    return any(record["entry"] == str(entry_id) for record in file.records())


# --- Keeping ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def mark() -> None:
    """Put a mark into the ledger, so that a restore is noticed even when nothing was erased since; forget old marks."""
    if ledger_file() is None:
        return
    entries.note_mark()
    settled = LedgerEntry.objects.filter(state=LedgerEntry.State.DONE)
    newest = settled.order_by("-finished_at", "-pk").values("pk")[:1]  # the file's last line must be known
    old = settled.filter(kind=LedgerEntry.Kind.MARK, erased_at__lt=timezone.now() - _MARKS_KEPT)
    old.exclude(pk__in=newest).delete()


def rebuild(file: LedgerFile) -> int:
    """Add what this database knows to be erased and the file lacks; returns how many lines that were.

    Raises:
        ContradictsDatabase: the database was restored; what the file knows must be replayed first.
        OSError: the file cannot be written.
    """
    with file.opened() as opened:
        tail = opened.tail()
        if tail and not _is_known(tail[-1]):
            raise ContradictsDatabase(RESTORED)
        return add_missing(file, opened)


def add_missing(file: LedgerFile, opened: OpenLedger) -> int:
    """Append each entry that this database has settled and the file lacks, oldest first; returns how many."""
    written = {record["entry"] for record in file.records()}
    settled = LedgerEntry.objects.filter(state=LedgerEntry.State.DONE).order_by("finished_at", "pk")
    missing = [record_of(row) for row in settled.iterator() if str(row.entry_id) not in written]
    if missing:
        opened.append(*missing)
    return len(missing)
