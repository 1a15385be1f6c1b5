"""The proof of erasing: for each key that has ended, what was erased, when, and whether the deletion ledger has it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet

from accounts.models import Merchant
from stripe_keys import portrait, sentences
from stripe_keys.models import LedgerEntry, RestrictedKey, Retirement, StatusChange
from stripe_keys.sentences import ending_at_stripe
from stripe_keys.sentences.problems import GENERIC_REJECTION

Status = RestrictedKey.Status
_BECAUSE = {
    Status.REJECTED: "It never came into use",
    Status.EXPIRED: "Stripe ended it",
    Status.REPLACED: "It was replaced",
    Status.REMOVED: "It was removed here",
}


@dataclass(frozen=True)
class InLedger:
    """Where an erasure stands with the deletion ledger; `written_at` is None while it waits to be written."""

    written_at: datetime | None


@dataclass(frozen=True)
class ErasedKey:
    """One key that is no longer stored; `ended_at` and `ledger` are None where there is nothing to be said of them."""

    key: RestrictedKey
    pill: tuple[str, str]
    ended_at: datetime | None
    because: str
    reason: str
    ledger: InLedger | None
    is_anonymous: bool
    retirement: Retirement | None

    @property
    def at_stripe(self) -> str:
        """What became of a key there that the app made; empty of a pasted one."""
        return ending_at_stripe.in_words(self.retirement)

    @property
    def may_live(self) -> bool:
        """Whether it may still work at Stripe, unless the merchant ends it there."""
        is_left_to_them = self.retirement is None or ending_at_stripe.needs_the_merchant(self.retirement)
        return self.key.status == Status.REMOVED and is_left_to_them


def ended_keys(merchant: Merchant) -> QuerySet[RestrictedKey]:
    """The keys of `merchant` whose secret is no longer stored, the newest first."""
    ended = ~Q(status__in=RestrictedKey.KEPT)
    return RestrictedKey.objects.filter(ended, merchant=merchant).order_by("-created_at", "-pk")


def proofs(keys: Iterable[RestrictedKey], now: datetime) -> list[ErasedKey]:
    """The proof for each of `keys`, in their order, with two queries; a third one for keys that the app made.

    Of a key whose account never matched nothing may be told but that it is not stored, and that not at once: whether it
    ever was stored, until when, and what the ledger knows of it would tell why.
    """
    shown = [(key, portrait.as_shown(key, now)) for key in keys]
    named = [key.pk for key, _ in shown if not portrait.is_anonymous(key)]
    ends, entries = _ends_of(named), _entries_of(named)
    retirements = _retirements_of([key.pk for key, _ in shown if key.is_app_managed])
    return [
        _proof(
            seen,
            ends.get(key.pk),
            entries.get(key.pk),
            retirements.get(key.pk),
            is_anonymous=portrait.is_anonymous(key),
        )
        for key, seen in shown
        if not seen.is_kept
    ]


def closing_in_ledger(merchant: Merchant) -> InLedger | None:
    """Where the closing of `merchant` stands with the deletion ledger; None if it has no entry."""
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.MERCHANT_CLOSED, merchant_id=merchant.pk)
    entry = entries.order_by("pk").first()
    return _in_ledger(entry) if entry else None


def _proof(
    key: RestrictedKey,
    end: StatusChange | None,
    entry: LedgerEntry | None,
    retirement: Retirement | None,
    *,
    is_anonymous: bool,
) -> ErasedKey:
    ended_at: datetime | None = None
    reason = GENERIC_REJECTION
    if not is_anonymous:
        ended_at, reason = (end.at, end.reason) if end else (key.created_at, "")
    return ErasedKey(
        key=key,
        pill=sentences.pill(key),
        ended_at=ended_at,
        because=_BECAUSE[Status(key.status)],
        reason=reason,
        ledger=_in_ledger(entry) if entry else None,
        is_anonymous=is_anonymous,
        retirement=retirement,
    )


def _ends_of(keys: list[UUID]) -> dict[UUID, StatusChange]:
    """The line of history by which each key left the stored ones."""
    moves = StatusChange.objects.filter(key__in=keys, to_status=F("key__status"))
    return {
        change.key_id: change for change in moves.exclude(from_status=F("to_status")).order_by("at", "pk")
    }


def _entries_of(keys: list[UUID]) -> dict[UUID, LedgerEntry]:
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.KEY_ERASED, key_id__in=keys)
    return {entry.key_id: entry for entry in entries.order_by("-pk") if entry.key_id}


def _retirements_of(keys: list[UUID]) -> dict[UUID, Retirement]:
    if not keys:
        return {}
    return {one.key_id: one for one in Retirement.objects.filter(key__in=keys) if one.key_id}


def _in_ledger(entry: LedgerEntry) -> InLedger:
    return InLedger(entry.finished_at if entry.state == LedgerEntry.State.DONE else None)
