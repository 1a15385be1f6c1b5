"""A ledger that remembers what the database has forgotten, and the command that follows a restore."""

import io
from pathlib import Path

from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from stripe_keys import ledger
from stripe_keys.ledger.file import LedgerFile
from stripe_keys.models import LedgerEntry, RestrictedKey
from tests.people import merchant_of


def a_line(
    path: Path,
    key: RestrictedKey,
    status: str = "",
    reason: str = "It ended.",
    kind: str = LedgerEntry.Kind.KEY_ERASED,
) -> LedgerEntry:
    """What the ledger remembers of an erasure, or something else, that this database has forgotten."""
    entry = LedgerEntry(
        lane=LedgerEntry.LANE,
        kind=kind,
        merchant_id=key.merchant_id,
        key_id=key.pk,
        status=status,
        reason=reason,
        erased_at=timezone.now(),
    )
    with LedgerFile(path).opened() as opened:
        opened.append(ledger.record_of(entry))
    return entry


def a_closing(path: Path, user: User) -> None:
    """What the ledger remembers of a merchant who closed, which this database has forgotten."""
    entry = LedgerEntry(
        kind=LedgerEntry.Kind.MERCHANT_CLOSED, merchant_id=merchant_of(user).pk, erased_at=timezone.now()
    )
    with LedgerFile(path).opened() as opened:
        opened.append(ledger.record_of(entry))


def after_restore(*options: str) -> str:
    """Run the command; what it said."""
    said = io.StringIO()
    call_command("after_restore", *options, stdout=said)
    return said.getvalue()


def numbers_in(said: str) -> list[int]:
    """The counts of the command's list, in its order."""
    return [
        int(line.split()[0])
        for line in said.splitlines()
        if line.startswith("   ") and line.split()[0].isdigit()
    ]
