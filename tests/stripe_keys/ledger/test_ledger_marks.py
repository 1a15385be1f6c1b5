"""Marks of time in the deletion ledger, and that nothing is noted twice."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from stripe_keys import ledger
from stripe_keys.ledger import entries
from stripe_keys.models import LedgerEntry, RestrictedKey
from tests.stripe_keys.ledger.ledgers import (
    a_settled_entry,
    a_stored_key,
    refusal,
    remove,
    written,
)
from tests.stripe_keys.rows import a_key
from work import engine

pytestmark = pytest.mark.django_db(transaction=True)
Status = RestrictedKey.Status


def test_a_mark_is_written_like_an_erasure(ledger_path: Path) -> None:
    ledger.mark()
    engine.drain("ledger")

    (line,) = written(ledger_path)
    assert (line["kind"], line["merchant"], line["key"]) == ("mark", None, None)


def test_old_marks_are_forgotten_but_never_the_last_line_nor_an_erasure(ada: User, ledger_path: Path) -> None:
    remove(a_stored_key(ada), ada)
    marks = [a_settled_entry() for _ in range(3)]
    LedgerEntry.objects.update(erased_at=timezone.now() - timedelta(days=8))

    ledger.mark()

    left = LedgerEntry.objects.order_by("pk")
    assert [entry.kind for entry in left] == ["key_erased", "mark", "mark"]
    assert left[1].pk == marks[-1].pk
    assert refusal() == ""


def test_without_a_ledger_there_are_no_marks(settings: Settings) -> None:
    settings.DELETION_LEDGER = ""

    ledger.mark()

    assert not LedgerEntry.objects.exists()


def test_an_erasure_is_noted_once_however_often_it_is_said(ada: User) -> None:
    key = a_key(ada, "removed")

    for _ in range(2):
        entries.note_key_erased(key, status="removed", reason="It was removed.")
        entries.note_merchant_closed(key.merchant_id)

    assert sorted(LedgerEntry.objects.values_list("kind", flat=True)) == ["key_erased", "merchant_closed"]
