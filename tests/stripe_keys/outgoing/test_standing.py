"""A key that is withheld without moving is told of when that begins and when it ends: suspended, or unreadable."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from stripe_keys import quarantine, services
from stripe_keys.models import LedgerEntry, OutgoingMessage, RestrictedKey, StatusChange
from tests.stripe_keys.erasing.restoring import a_line, after_restore
from tests.stripe_keys.keys import AtStripe, check_again, checked, paste
from tests.stripe_keys.ledger.ledgers import a_stored_key
from tests.stripe_keys.rows import ACCOUNT, a_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("receiver")]
Kind = LedgerEntry.Kind


def told() -> list[dict[str, Any]]:
    """The messages, oldest first."""
    return [json.loads(row.body) for row in OutgoingMessage.objects.order_by("pk")]


def gist() -> list[tuple[str, str, bool, bool]]:
    """Of each message the type, the reason, and what holds the key back now."""
    return [
        (
            one["type"].removeprefix("restricted_key."),
            one["data"]["reason_code"],
            one["data"]["is_suspended"],
            one["data"]["is_unreadable"],
        )
        for one in told()
    ]


@pytest.mark.parametrize(("is_leaked", "code"), [(False, "by_support"), (True, "leaked")])
def test_a_suspension_and_its_end_are_told(ada: User, olga: User, is_leaked: bool, code: str) -> None:
    key = a_key(ada, "limited")

    services.suspend(key=key, actor=olga, now=timezone.now(), is_leaked=is_leaked)
    services.resume(key=key, actor=olga, now=timezone.now())

    assert gist() == [("suspended", code, True, False), ("resumed", "by_support", False, False)]
    lines = StatusChange.objects.filter(key=key).order_by("pk")[1:]
    assert [one["data"]["change_id"] for one in told()] == [line.pk for line in lines]
    assert {one["data"]["status"] for one in told()} == {"limited"}
    assert "olga" not in json.dumps(told())


def test_a_key_that_cannot_be_read_is_told_and_so_is_its_return(ada: User) -> None:
    key = a_key(ada)

    quarantine.quarantine(key=key, now=timezone.now())
    quarantine.quarantine(key=key, now=timezone.now())
    key.refresh_from_db()
    quarantine.lift(key)

    assert gist() == [
        ("unreadable", "unreadable", False, True),
        ("resumed", "readable_again", False, False),
    ]


def test_what_ends_of_two_causes_says_that_the_other_holds(ada: User, olga: User) -> None:
    key = a_key(ada, suspended_at=timezone.now(), quarantined_at=timezone.now())

    services.resume(key=key, actor=olga, now=timezone.now())

    assert gist() == [("resumed", "by_support", False, True)]


def test_a_key_that_has_not_served_yet_is_not_told_of(ada: User, olga: User) -> None:
    key = a_key(ada, RestrictedKey.Status.PENDING, stripe_account_id=ACCOUNT, account_is_claimed=True)

    services.suspend(key=key, actor=olga, now=timezone.now())
    quarantine.quarantine(key=key, now=timezone.now())

    assert told() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "was_suspended", "said"),
    [(Kind.KEY_SUSPENDED, False, "suspended"), (Kind.KEY_RESUMED, True, "resumed")],
)
def test_what_holds_again_after_a_restore_is_told(
    ada: User, ledger_path: Path, kind: str, was_suspended: bool, said: str
) -> None:
    key = a_stored_key(ada, suspended_at=timezone.now() if was_suspended else None)
    a_line(ledger_path, key, kind=kind)

    after_restore()
    after_restore()

    assert gist() == [(said, "after_restore", not was_suspended, False)]


@pytest.mark.django_db(transaction=True)
def test_a_suspension_because_of_what_stripe_says_is_told_once(ada: User, at_stripe: AtStripe) -> None:
    key = checked(paste(ada, at_stripe.bound_key(ada).token))
    RestrictedKey.objects.update(stripe_account_id=at_stripe.admin.create_account())

    check_again(key)
    check_again(key)

    assert gist()[1:] == [("suspended", "another_account", True, False)]
