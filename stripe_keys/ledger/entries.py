"""What goes into the deletion ledger: one row per erasure or suspension, written in the transaction that does it.

A worker copies the rows into the ledger's file afterwards (`stripe_keys.ledger`); no erasure waits for that.
"""

from uuid import UUID

from stripe_keys.models import LedgerEntry, RestrictedKey
from work import bell

QUEUE = "ledger"
Kind = LedgerEntry.Kind


def note_key_erased(key: RestrictedKey, *, status: str, reason: str) -> None:
    """Have the ledger remember that `key` was erased when it became `status`; once, however often it is said.

    `reason` outlives the merchant: it may name no person, address or secret.
    """
    _note_once(Kind.KEY_ERASED, merchant_id=key.merchant_id, key_id=key.pk, status=status, reason=reason)


def was_erased(key: RestrictedKey) -> bool:
    """Whether `key` was erased once; if it is kept all the same, somebody has put it back by hand."""
    return LedgerEntry.objects.filter(
        kind=Kind.KEY_ERASED, merchant_id=key.merchant_id, key_id=key.pk
    ).exists()


def note_merchant_closed(merchant_id: UUID) -> None:
    """Have the ledger remember that everything of a merchant was erased; once, however often it is said."""
    _note_once(Kind.MERCHANT_CLOSED, merchant_id=merchant_id, key_id=None)


def note_key_suspended(key: RestrictedKey) -> None:
    """Have the ledger remember that nobody may use `key`, which may have leaked, until that is lifted."""
    _note(Kind.KEY_SUSPENDED, merchant_id=key.merchant_id, key_id=key.pk)


def note_key_resumed(key: RestrictedKey) -> None:
    """Have the ledger remember that the suspension of `key` was lifted."""
    _note(Kind.KEY_RESUMED, merchant_id=key.merchant_id, key_id=key.pk)


def note_mark() -> None:
    """Have the ledger remember that this database has seen this moment."""
    LedgerEntry.objects.create(lane=LedgerEntry.LANE, kind=Kind.MARK)
    bell.ring_on_commit(QUEUE)


def _note_once(
    kind: str, *, merchant_id: UUID, key_id: UUID | None, status: str = "", reason: str = ""
) -> None:
    if not LedgerEntry.objects.filter(kind=kind, merchant_id=merchant_id, key_id=key_id).exists():
        _note(kind, merchant_id=merchant_id, key_id=key_id, status=status, reason=reason)


def _note(kind: str, *, merchant_id: UUID, key_id: UUID | None, status: str = "", reason: str = "") -> None:
    LedgerEntry.objects.create(
        lane=LedgerEntry.LANE,
        kind=kind,
        merchant_id=merchant_id,
        key_id=key_id,
        status=status,
        reason=reason[:300],
    )
    bell.ring_on_commit(QUEUE)
