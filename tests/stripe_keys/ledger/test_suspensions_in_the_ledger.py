"""A suspended key stays suspended over a restore: a leaked one must not come back into use with an older database."""

from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from stripe_keys import services
from stripe_keys.models import KeyEnvelope, LedgerEntry, RestrictedKey, StatusChange
from tests.stripe_keys.erasing.restoring import a_line, after_restore
from tests.stripe_keys.ledger.ledgers import a_stored_key, written
from work import engine

pytestmark = pytest.mark.django_db(transaction=True)
Kind = LedgerEntry.Kind


def reasons(key: RestrictedKey) -> list[str]:
    """The key's history, oldest first."""
    return list(StatusChange.objects.filter(key=key).order_by("at").values_list("reason", flat=True))


def test_suspending_and_resuming_are_written_down(ada: User, olga: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)

    services.suspend(key=key, actor=olga, now=timezone.now(), is_leaked=True)
    services.resume(key=key, actor=olga, now=timezone.now())
    services.suspend(key=key, actor=olga, now=timezone.now())
    engine.drain("ledger")

    lines = [(line["kind"], line["key"]) for line in written(ledger_path)]
    assert lines == [(kind, str(key.pk)) for kind in ("key_suspended", "key_resumed", "key_suspended")]
    assert "olga" not in ledger_path.read_text()


def test_a_forgotten_suspension_holds_again(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)
    entry = a_line(ledger_path, key, kind=Kind.KEY_SUSPENDED)

    after_restore()
    after_restore()

    key.refresh_from_db()
    assert key.suspended_at == entry.erased_at
    assert reasons(key).count("Suspended again after a restore of the database.") == 1


def test_the_last_word_counts(ada: User, eve: User, ledger_path: Path) -> None:
    lifted = a_stored_key(ada, suspended_at=timezone.now())
    a_line(ledger_path, lifted, kind=Kind.KEY_SUSPENDED)
    a_line(ledger_path, lifted, kind=Kind.KEY_RESUMED)
    again = a_stored_key(eve)
    for kind in (Kind.KEY_SUSPENDED, Kind.KEY_RESUMED, Kind.KEY_SUSPENDED):
        a_line(ledger_path, again, kind=kind)

    after_restore()

    lifted.refresh_from_db()
    again.refresh_from_db()
    assert lifted.suspended_at is None
    assert again.suspended_at is not None


def test_a_key_that_was_erased_later_is_erased(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)
    a_line(ledger_path, key, kind=Kind.KEY_SUSPENDED)
    a_line(ledger_path, key, "removed")

    after_restore()

    key.refresh_from_db()
    assert key.status == "removed"
    assert not KeyEnvelope.objects.filter(key=key).exists()
