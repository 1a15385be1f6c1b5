"""Whatever stands in the deletion ledger: what follows a restore is done to its end, or refused before it begins."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError
from django.test import Client

from accounts.models import User
from stripe_keys import ledger
from stripe_keys.ledger import records
from stripe_keys.models import DatabaseRestore, LedgerEntry, RestrictedKey
from tests.stripe_keys.erasing.restoring import a_line, after_restore, numbers_in
from tests.stripe_keys.ledger.ledgers import a_settled_entry, a_stored_key, refusal

pytestmark = pytest.mark.django_db(transaction=True)
GONE = Ellipsis  # prints the same in every worker


def a_text(**fields: Any) -> str:
    """A line about a key, spoiled by `fields`."""
    whole: dict[str, Any] = {
        "v": 1,
        "entry": str(uuid4()),
        "kind": "key_erased",
        "merchant": str(uuid4()),
        "key": str(uuid4()),
        "status": "removed",
        "reason": "It ended.",
        "at": "2026-01-02T03:04:05+00:00",
    }
    return json.dumps({name: value for name, value in (whole | fields).items() if value is not GONE})


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text + "\n")


NO_KIND: list[Any] = ["", "x" * 21, "a\0", [], {}]
NO_VERSION: list[Any] = ["1", True, 1.0, []]
NO_TEXT: list[Any] = ["a\0b", "\ud800", [], {}]
ILL_FORMED: list[dict[str, Any]] = [
    *({name: GONE} for name in ("v", "entry", "kind", "merchant", "key", "status", "reason", "at")),
    *({name: None} for name in ("v", "entry", "kind", "key", "status", "reason", "at")),
    *({name: 7} for name in ("entry", "kind", "merchant", "key", "status", "reason", "at")),
    *({"kind": kind} for kind in NO_KIND),
    *({"v": version} for version in NO_VERSION),
    *({name: "no uuid"} for name in ("entry", "merchant", "key")),
    *({"at": at} for at in ("yesterday", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00")),
    *({name: text} for name in ("status", "reason") for text in NO_TEXT),
    {"kind": "merchant_closed", "merchant": None},
    {"kind": "key_suspended", "key": None},
    {"kind": "key_resumed", "key": None},
]


@pytest.mark.parametrize("fields", ILL_FORMED, ids=str)
def test_an_entry_that_is_not_complete_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(records.IllFormed):
        records.read(a_text(**fields).encode() + b"\n")


def test_ids_and_moments_are_read_as_the_site_writes_them() -> None:
    entry = UUID("abcdefab-cdef-4bcd-8fab-cdefabcdefab")
    line = a_text(entry=str(entry).upper(), merchant=None, at="2026-01-02T05:04:05+02:00")

    record = records.read(line.encode() + b"\n")

    assert (record["entry"], record["at"]) == (str(entry), "2026-01-02T03:04:05+00:00")


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("bad", [a_text(kind=None), a_text(reason="\ud800"), "[]", NESTED], ids=range(4))
@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=str)
def test_a_bad_line_is_named_before_anything_is_changed(
    adas_browser: Client, ada: User, ledger_path: Path, bad: str, options: tuple[str, ...]
) -> None:
    key = a_stored_key(ada)
    add(ledger_path, "torn {")
    add(ledger_path, bad)
    a_line(ledger_path, key, "removed")

    with pytest.raises(CommandError, match=r"no entries: 2\. Mend them, or go on with --pass-over-bad-lines"):
        after_restore(*options)

    assert Session.objects.exists()
    assert not DatabaseRestore.objects.exists()


def test_of_many_bad_lines_the_first_are_named(ledger_path: Path) -> None:
    for _ in range(13):
        add(ledger_path, "[]")

    with pytest.raises(CommandError, match="1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"):
        after_restore()


def test_bad_lines_are_passed_over_when_ops_say_so(ada: User, ledger_path: Path) -> None:
    key = a_stored_key(ada)
    a_line(ledger_path, key, "removed")
    for fields in ILL_FORMED:
        add(ledger_path, a_text(**fields))

    looked = after_restore("--dry-run", "--pass-over-bad-lines")
    said = after_restore("--pass-over-bad-lines")

    assert numbers_in(looked) == numbers_in(said) == [1, 1, 0, 0, 0, 0]
    for text in (looked, said):
        assert f"{len(ILL_FORMED)} lines that are no entries were passed over." in text
    assert not RestrictedKey.objects.kept().exists()
    assert refusal() == ""


@pytest.mark.parametrize(
    "fields", [{"kind": "of_tomorrow"}, {"v": 2}, {"v": 2, "key": 7, "at": GONE}], ids=str
)
def test_what_a_later_version_wrote_is_said_and_does_not_shut_the_site(
    ada: User, ledger_path: Path, fields: dict[str, Any]
) -> None:
    key = a_stored_key(ada)
    add(ledger_path, a_text(**({"key": str(key.pk)} | fields)))
    assert refusal() == ledger.RESTORED

    looked, said = after_restore("--dry-run"), after_restore()

    for text in (looked, said):
        assert numbers_in(text)[:2] == [0, 0]
        assert "1 entries of a kind this version does not know were passed over." in text
    assert RestrictedKey.objects.kept().get() == key
    assert DatabaseRestore.objects.get().entries_replayed == 0
    assert refusal() == ""


@pytest.mark.parametrize("status", RestrictedKey.KEPT)
def test_a_key_that_was_erased_is_not_kept_whatever_its_line_says(
    ada: User, ledger_path: Path, status: str
) -> None:
    a_line(ledger_path, a_stored_key(ada, "pending"), status)

    after_restore()

    assert not RestrictedKey.objects.kept().exists()


def test_looking_refuses_what_doing_would_refuse(ledger_path: Path) -> None:
    a_settled_entry()
    ledger_path.write_text("")

    with pytest.raises(CommandError, match="--ledger-was-lost"):
        after_restore("--dry-run")

    assert "It would be:" in after_restore("--dry-run", "--ledger-was-lost")
    assert LedgerEntry.objects.count() == 1
