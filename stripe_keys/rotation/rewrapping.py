"""Data keys leave old key-encryption keys for the primary, one batch and one statement at a time.

No lock is held while a key service is asked, and no envelope is touched: a data key stays the same 32 bytes, so readers
and writers notice nothing. A row is only written if it still is what was read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.db import connection

from stripe_keys import vault
from stripe_keys.models import DataKey, MerchantDataKey, SiteDataKey

TABLES: Final[dict[str, type[DataKey]]] = {"merchants": MerchantDataKey, "site": SiteDataKey}

# The rows are locked in one order, so that two runs at once wait for each other instead of ending as a deadlock.
_SWAP = """
    WITH new AS (
        SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[], %s::bytea[])
            AS new (id, old_kek_id, old_wrapped, kek_id, wrapped)
    ), locked AS (
        SELECT row.id FROM {table} AS row JOIN new USING (id)
        WHERE row.kek_id = new.old_kek_id AND row.wrapped = new.old_wrapped
        ORDER BY row.id FOR NO KEY UPDATE OF row
    )
    UPDATE {table} AS row SET kek_id = new.kek_id, wrapped = new.wrapped
    FROM new JOIN locked USING (id)
    WHERE row.id = new.id AND row.kek_id = new.old_kek_id AND row.wrapped = new.old_wrapped
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """How many data keys of one table a key-encryption key wraps."""

    kek_id: str
    table: str
    rows: int


@dataclass(slots=True)
class Outcome:
    """What became of a run: how many rows moved, and which did not, by id."""

    moved: int = 0
    unreadable: list[str] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)  # key-encryption keys that are the right ones
    unusable: dict[str, str] = field(default_factory=dict)  # why the rows of the others were left alone
    stopped: str = ""  # why it ended early


def holdings() -> list[Holding]:
    """Who wraps what, by key-encryption key."""
    found = [
        Holding(kek_id, table, rows)
        for table, model in TABLES.items()
        for kek_id, rows in model.objects.counts_by_kek_id().items()
    ]
    return sorted(found, key=lambda holding: (holding.kek_id, holding.table))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the data keys of one table are moved, for somebody who looks."""

    primary: str
    problem: str  # why the primary is not known
    counts: dict[str, int]

    @property
    def rows(self) -> list[tuple[str, int]]:
        """Each key-encryption key and its rows, the primary first even where it has none."""
        first = {self.primary: self.counts.get(self.primary, 0)} if self.primary else {}
        return list((first | self.counts).items())

    @property
    def left(self) -> int:
        """How many rows are still to be moved."""
        return sum(rows for kek_id, rows in self.counts.items() if kek_id != self.primary)


def standing(table: str) -> Standing:
    """How far the data keys of `table` are moved; a key service that is away makes it no error."""
    counts = TABLES[table].objects.counts_by_kek_id()
    try:
        return Standing(vault.primary_kek_id(), "", counts)
    except vault.VaultError as problem:
        return Standing("", str(problem), counts)


def rows_not_on(kek_id: str) -> int:
    """How many data keys another key-encryption key than `kek_id` wraps."""
    return sum(model.objects.not_on(kek_id).count() for model in TABLES.values())


def rewrap(*, batch_size: int, on_progress: Callable[[int], object]) -> Outcome:
    """Wrap every data key with the primary key-encryption key; `on_progress` hears how many rows were looked at.

    Raises:
        WrongKeyEncryptionKey, KeyEncryptionKeyMissing, BadKeyMaterial, KeyServiceAway: the primary cannot be trusted
            or asked; nothing was changed.
    """
    primary = vault.primary_kek_id()
    vault.ensure_canary(primary)
    outcome = Outcome()
    try:
        for table, model in TABLES.items():
            for rows in _batches(model, primary, batch_size):
                _rewrap(table, rows, outcome)
                on_progress(len(rows))
    except vault.KeyServiceAway as problem:
        outcome.stopped = str(problem)
    return outcome


def _batches(model: type[DataKey], primary: str, size: int) -> Iterator[list[DataKey]]:
    seen = 0
    others = model.objects.not_on(primary).order_by("pk")
    while rows := list(others.filter(pk__gt=seen)[:size]):
        seen = rows[-1].pk
        yield rows


def _rewrap(table: str, rows: list[DataKey], outcome: Outcome) -> None:
    """Move one batch; what is wrapped when the key service goes away is kept."""
    fresh: list[tuple[DataKey, vault.Wrapped]] = []
    try:
        for row in rows:
            if _is_usable(row.kek_id, outcome):
                try:
                    fresh.append((row, vault.rewrapped_data_key(row)))
                except vault.WillNotOpen:
                    outcome.unreadable.append(f"{table} {row.pk}")
    finally:
        outcome.moved += _swap(TABLES[table], fresh)


def _is_usable(kek_id: str, outcome: Outcome) -> bool:
    """Whether rows of `kek_id` can be judged; with a wrong key all of them would look damaged."""
    if kek_id not in outcome.proven | outcome.unusable.keys():
        try:
            vault.ensure_canary(kek_id)
        except vault.KeyServiceAway:
            raise
        except vault.VaultError as problem:
            outcome.unusable[kek_id] = str(problem)
        else:
            outcome.proven.add(kek_id)
    return kek_id in outcome.proven


def _swap(model: type[DataKey], fresh: list[tuple[DataKey, vault.Wrapped]]) -> int:
    """Write what still is as it was read; how many rows that were."""
    if not fresh:
        return 0
    columns = (
        [row.pk for row, _ in fresh],
        [row.kek_id for row, _ in fresh],
        [bytes(row.wrapped) for row, _ in fresh],
        [wrapped.kek_id for _, wrapped in fresh],
        [wrapped.blob for _, wrapped in fresh],
    )
    with connection.cursor() as cursor:
        cursor.execute(_SWAP.format(table=connection.ops.quote_name(model._meta.db_table)), columns)
        return int(cursor.rowcount)


def closing_words(old: set[str], outcome: Outcome) -> list[str]:
    """What a run has come to, for each key-encryption key in `old` and for the rows that were left."""
    primary = vault.primary_kek_id()
    counts = dict.fromkeys(old, 0)
    for holding in holdings():
        counts[holding.kek_id] = counts.get(holding.kek_id, 0) + holding.rows
    counts.pop(primary, None)
    words = [f"Data keys moved: {outcome.moved}."]
    words += [
        f"{rows} row{'' if rows == 1 else 's'} on kek {kek_id}" for kek_id, rows in sorted(counts.items())
    ]
    words += [f"Does not open: data key of {name}" for name in outcome.unreadable]
    words += [f"Left alone: {why}" for why in outcome.unusable.values()]
    if free := [kek_id for kek_id, rows in sorted(counts.items()) if rows == 0]:
        words.append(
            f"May be taken out of the settings, once every process runs with {primary} first: {', '.join(free)}."
            f" Put them away rather than destroying them for {settings.BACKUP_LIFETIME_DAYS} days: backups need them."
        )
    return words
