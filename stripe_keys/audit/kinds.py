"""What is kept encrypted, kind by kind, and how one row is classed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from django.db.models import Count, Exists, OuterRef

from stripe_keys import vault
from stripe_keys.models import (
    DataKey,
    KekCanary,
    KeyEnvelope,
    LedgerEntry,
    MerchantDataKey,
    RestrictedKey,
    SiteDataKey,
)

RESTRICTED_KEY = "restricted_key"


class Class(StrEnum):
    """What an audit says about a row.

    `missing` stands beside the words for what is there: a key that its row calls kept, without an envelope.
    `unknown` says nothing about the row: its key-encryption key is missing or wrong, or its service away.
    """

    OK = "ok"
    OLD_KEK = "old kek"  # opens, but another key-encryption key than the primary wraps its data key
    UNREADABLE = "unreadable"
    ORPHAN = "orphan"  # kept though nothing needs it any more
    MISSING = "missing"
    ERASED_BEFORE = (
        "erased before"  # kept, though the deletion ledger says that it was erased: somebody put it back
    )
    WRONG_FINGERPRINT = "wrong fingerprint"  # opens, but its row's fingerprint is not that of what is inside
    UNKNOWN_FINGERPRINT_KEY = "unknown fingerprint key"  # opens, and nobody can say whether that is so
    UNKNOWN = "unknown"


_FAULTS = {"wrong": Class.WRONG_FINGERPRINT, "unknown key": Class.UNKNOWN_FINGERPRINT_KEY}


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: where the walk stands with it, the id that people know it by, and how to find out about it.

    `verify` opens it, hands nothing out, and returns the id of the key-encryption key that it hangs on, or a class if
    something else is wrong with it. `service` names what is not asked in vain again and again while it is away. `known`
    is the class of what need not be opened.
    """

    position: int | str
    row_id: str
    verify: Callable[[], str] = str
    service: str = ""
    known: Class | None = None
    may_be_quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one kind: `after(position, limit)` gives the next ones, in the order of their positions.

    `name` is the step of the walk; `counted_as` is the kind that people read.
    """

    name: str
    counted_as: str
    after: Callable[[Any, int], Sequence[Stored]]


_registered: list[Kind] = []


def register(kind: Kind) -> None:
    """Have secrets in a column of another app audited too; called from its `AppConfig.ready`."""
    _registered.append(kind)


def kinds() -> dict[str, Kind]:
    """Every kind by its step of the walk: first what others hang on."""
    ours = [
        Kind("canary", "canary", _canaries),
        Kind("site_data_key", "site_data_key", _site_data_keys),
        Kind("data_key", "data_key", _merchants_data_keys),
        Kind(RESTRICTED_KEY, RESTRICTED_KEY, _envelopes),
        Kind("restricted_key_without_envelope", RESTRICTED_KEY, _keys_without_envelope),
    ]
    return {kind.name: kind for kind in [*ours, *_registered]}


def primary_kek_id() -> str:
    """The id of the key-encryption key that everything should hang on; empty while nobody can say."""
    try:
        return vault.primary_kek_id()
    except vault.VaultError:
        return ""


def _beyond(rows: Any, position: Any, limit: int) -> Any:
    rows = rows.order_by("pk")
    return (rows if position is None else rows.filter(pk__gt=position))[:limit]


def _canaries(position: Any, limit: int) -> list[Stored]:
    """Those of keys in use. A key-encryption key that was rotated out may be gone, and its canary with it."""
    needed = {*MerchantDataKey.objects.kek_ids(), *SiteDataKey.objects.kek_ids(), primary_kek_id()}
    rows = _beyond(KekCanary.objects.filter(kek_id__in=needed), position, limit)
    return [Stored(row.pk, row.kek_id, partial(_heard, row), row.kek_id) for row in rows]


def _heard(canary: KekCanary) -> str:
    vault.verify_canary(canary)
    return ""  # each belongs to its own key: none is old


def _site_data_keys(position: Any, limit: int) -> list[Stored]:
    rows = _beyond(SiteDataKey.objects.all(), position, limit)
    return [Stored(row.pk, str(row.pk), partial(_unwrapped, row), row.kek_id) for row in rows]


def _merchants_data_keys(position: Any, limit: int) -> list[Stored]:
    newer = MerchantDataKey.objects.filter(merchant=OuterRef("merchant"), version__gt=OuterRef("version"))
    rows = MerchantDataKey.objects.select_related("merchant")
    rows = rows.annotate(is_outdated=Exists(newer), needed_by=Count("envelopes"))
    return [
        Stored(
            row.pk,
            str(row.pk),
            partial(_unwrapped, row),
            row.kek_id,
            known=Class.ORPHAN
            if row.merchant.closed_at is not None or (row.is_outdated and not row.needed_by)
            else None,
        )
        for row in _beyond(rows, position, limit)
    ]


def _unwrapped(row: DataKey) -> str:
    vault.verify_data_key(row)
    return row.kek_id


def _envelopes(position: Any, limit: int) -> list[Stored]:
    erasures = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.KEY_ERASED, merchant_id=OuterRef("key__merchant_id"), key_id=OuterRef("key_id")
    )
    rows = KeyEnvelope.objects.select_related("key__merchant", "data_key")
    rows = rows.annotate(was_erased=Exists(erasures))
    return [
        Stored(
            row.pk,
            str(row.key_id),
            partial(_opened, row),
            row.data_key.kek_id,
            known=_known_of(row.key, was_erased=row.was_erased),
            may_be_quarantined=row.key.quarantined_at is None,
        )
        for row in _beyond(rows, position, limit)
    ]


def _known_of(key: RestrictedKey, *, was_erased: bool) -> Class | None:
    if not key.is_kept or key.merchant.closed_at is not None:
        return Class.ORPHAN
    return Class.ERASED_BEFORE if was_erased else None


def _opened(envelope: KeyEnvelope) -> str:
    fault = vault.verify(envelope)
    if envelope.key.stands_in_for_id is not None:
        fault = ""  # what is inside is made up, and the fingerprint is that of what was pasted
    return _FAULTS.get(fault, envelope.data_key.kek_id)


def _keys_without_envelope(position: Any, limit: int) -> list[Stored]:
    # Under a key-encryption key that was declared lost nothing is kept, and the merchants have been asked to paste.
    rows = RestrictedKey.objects.kept().filter(envelope__isnull=True, quarantined_at__isnull=True)
    return [
        Stored(str(row.pk), str(row.pk), known=Class.MISSING, may_be_quarantined=True)
        for row in _beyond(rows, position, limit)
    ]
