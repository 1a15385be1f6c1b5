"""A merchant's timeline to take along: theirs, whole, in a format that stays, and nothing more."""

import json
import tracemalloc
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Merchant, User
from accounts.notices import tell
from stripe_keys import export, lifecycle, portrait, secret_key_migration, services
from stripe_keys.models import KeySubmission, KeyUse, RestrictedKey, StatusChange
from tests.people import a_restricted_key, merchant_of
from tests.stripe_keys.erasing.closings import ACCOUNT, a_serving_key, close
from tests.stripe_keys.keys import AtStripe, checked, paste
from tests.stripe_keys.rows import ALL_GRANTED, a_check, a_key

pytestmark = pytest.mark.django_db

EXPORT = "/stripe/export/"
LISTS = (
    "installs",
    "keys",
    "status_changes",
    "checks",
    "permissions",
    "uses",
    "calls",
    "pastes",
    "key_managements",
    "keys_made",
    "keys_ended",
    "publishable_keys",
    "secret_keys",
    "notices",
)


def exported(browser: Client) -> Any:
    """The document, read as its reader reads it."""
    return json.loads(browser.get(EXPORT).getvalue())


def text_of(browser: Client) -> str:
    found: str = browser.get(EXPORT).getvalue().decode()
    return found


def test_it_is_a_file_to_keep(adas_browser: Client) -> None:
    answer = adas_browser.get(EXPORT)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"].startswith('attachment; filename="stripe-keys-2')
    assert "no-store" in answer["Cache-Control"]
    assert answer.streaming


def test_a_merchant_without_anything_gets_every_part_empty(adas_browser: Client, ada: User) -> None:
    document = exported(adas_browser)

    assert (document["format"], document["version"], document["complete"]) == (export.FORMAT, 1, True)
    assert document["merchant"]["name"] == "Ada's Lamps"
    assert document["merchant"]["members"][0]["email"] == ada.email
    assert [document[name] for name in LISTS] == [[] for _ in LISTS]


def test_everything_that_happened_is_in_it(ada: User, ben: User, bens_browser: Client) -> None:
    key = a_serving_key(ada)
    check = a_check(key, ALL_GRANTED)
    lifecycle.record_use(key, actor="partner code", reason="nightly invoice import")
    key.usage.create(day=date(2026, 7, 1), method="GET", template="/v1/charges", outcome="ok", count=3)
    tell(merchant=merchant_of(ada), subject="Look at this", body="…", dedupe_key="one")

    secret_key_migration.confirm_dead(merchant=merchant_of(ada), livemode=True, user=ben, now=timezone.now())

    document = exported(bens_browser)

    dead = document["secret_keys"][0]
    assert (dead["mode"], dead["proof"], dead["proven_by"]) == ("live", "own_check", ben.email)
    assert dead["retired_at"] == dead["proven_at"]
    shown = document["keys"][0]
    assert (shown["display"], shown["mode"], shown["status"]) == (key.display, "test", "active")
    assert (shown["stripe_account_id"], shown["added_by"]) == (ACCOUNT, ada.email)
    assert document["installs"][0]["stripe_account_id"] == ACCOUNT
    assert document["status_changes"][0]["by"] == ada.email
    assert document["checks"][-1]["permissions"] == ALL_GRANTED
    assert {row["permission"]: row["outcome"] for row in document["permissions"]} == ALL_GRANTED
    assert document["checks"][-1]["key"] == str(key.pk) == document["status_changes"][0]["key"]
    assert document["checks"][-1]["reason"] == check.reason
    assert document["uses"][0]["reason"] == "nightly invoice import"
    assert document["calls"] == [
        {
            "key": str(key.pk),
            "day": "2026-07-01",
            "method": "GET",
            "path": "/v1/charges",
            "outcome": "ok",
            "count": 3,
        }
    ]
    assert document["pastes"][0]["by"] == ada.email
    assert document["notices"][0]["subject"] == "Look at this"
    assert document["notices"][0]["sent_at"] is None
    assert [set(row) for row in document["keys"]] == [KEY_FIELDS]


KEY_FIELDS = {
    "id",
    "display",
    "mode",
    "purpose",
    "managed_by",
    "is_unrestricted",
    "status",
    "stripe_account_id",
    "stripe_key_id",
    "added_by",
    "added_at",
    "rotated_at",
    "expires_at",
    "suspended_at",
    "unreadable_since",
    "last_checked_at",
    "last_ok_at",
    "next_check_at",
    "last_surveyed_at",
    "last_problem",
    "replaced_by",
}


@pytest.mark.django_db(transaction=True)
def test_neither_the_key_nor_its_fingerprint_nor_its_envelope(
    ada: User, adas_browser: Client, at_stripe: AtStripe
) -> None:
    token = at_stripe.bound_key(ada).token
    key = checked(paste(ada, token))
    assert (key.status, KeyUse.objects.count()) == ("active", 1)

    text = text_of(adas_browser)

    assert key.display in text
    for secret in (token, token[8:24], token[-16:], bytes(key.fingerprint).hex()):
        assert secret not in text
    assert "fingerprint" not in text
    assert bytes(key.envelope.envelope).hex()[20:60] not in text
    assert KeySubmission.objects.get().remote_address is None


def test_staff_are_support_and_who_has_left_is_nobody(ada: User, olga: User, adas_browser: Client) -> None:
    key = a_serving_key(ada)
    services.suspend(key=key, actor=olga, now=timezone.now())
    for actor, reason in (
        ("gone@example.com", f"Asked {olga.email}, then gone@example.com."),
        ("Stripe", "It is."),
    ):
        StatusChange.objects.create(key=key, to_status="active", actor=actor, reason=reason)

    text = text_of(adas_browser)
    changes = json.loads(text)["status_changes"]

    assert [change["by"] for change in changes] == [ada.email, "support", "somebody no longer here", "Stripe"]
    assert changes[2]["reason"] == "Asked support, then somebody no longer here."
    assert olga.email not in text


def test_nothing_of_another_merchant(ada: User, eve: User, eves_browser: Client) -> None:
    key = a_serving_key(ada)
    a_check(key, ALL_GRANTED)
    lifecycle.record_use(key, actor="partner code", reason="For Ada alone")
    tell(merchant=merchant_of(ada), subject="For Ada alone", body="…", dedupe_key="one")

    text = text_of(eves_browser)

    for mark in (key.display, str(key.pk), ada.email, ACCOUNT, "For Ada alone", "Ada's Lamps"):
        assert mark not in text


def test_an_anonymous_key_says_as_little_as_its_page(ada: User, eve: User, adas_browser: Client) -> None:
    stolen = a_restricted_key()
    paste(eve, stolen)
    of_eve = paste(ada, stolen)
    lifecycle.move(
        of_eve, "rejected", actor="Stripe", reason="Stripe refused this key.", last_problem="not_usable"
    )
    refused = paste(ada, a_restricted_key())
    a_check(refused, ALL_GRANTED)
    lifecycle.record_use(refused, actor="validation worker", reason="Key added")
    refused.usage.create(day=date(2026, 7, 1), method="GET", template="other", outcome="ok", count=1)
    lifecycle.move(
        refused, "rejected", actor="Stripe", reason="Stripe refused this key.", last_problem="not_usable"
    )
    RestrictedKey.objects.update(created_at=timezone.now() - timedelta(minutes=1))

    document = exported(adas_browser)

    told = [{**row, "id": "", "display": "", "added_at": ""} for row in document["keys"]]
    assert {row["id"] for row in document["keys"]} == {str(of_eve.pk), str(refused.pk)}
    assert told[0] == told[1]
    assert not any(document[name] for name in ("status_changes", "checks", "permissions", "uses", "calls"))


@pytest.mark.parametrize("account", ["", ACCOUNT])
@pytest.mark.parametrize("problem", ["", "not_usable", "never_proven", "other_account"])
def test_history_is_told_unless_the_key_is_anonymous(
    ada: User, adas_browser: Client, account: str, problem: str
) -> None:
    key = a_key(ada, "rejected", stripe_account_id=account, last_problem=problem)

    assert bool(exported(adas_browser)["status_changes"]) is not portrait.is_anonymous(key)


def test_a_closed_merchants_people_take_theirs_along(ada: User, ben: User, bens_browser: Client) -> None:
    key = a_serving_key(ada)
    close(ada)

    document = exported(bens_browser)

    assert document["merchant"]["closed_at"]
    assert document["keys"][0]["status"] == "removed"
    assert document["status_changes"][-1]["reason"] == "The account was closed."
    assert document["keys"][0]["id"] == str(key.pk)


def test_only_for_people_of_a_merchant(client: Client, olgas_browser: Client) -> None:
    assert client.get(EXPORT).headers["Location"].startswith("/accounts/login/")
    assert olgas_browser.get(EXPORT).status_code == 404
    assert olgas_browser.post(EXPORT).status_code == 405


def test_a_head_request_reads_nothing(adas_browser: Client, ada: User) -> None:
    a_serving_key(ada)

    assert adas_browser.head(EXPORT).getvalue() == b""


@pytest.mark.django_db(transaction=True)
def test_five_times_the_rows_need_no_more_memory(ada: User) -> None:
    merchant, key = merchant_of(ada), a_key(ada)
    add_uses(key, 10)
    measured(merchant)  # what is made once is made now
    add_uses(key, 990)
    few, _ = measured(merchant)

    add_uses(key, 4_000)
    many, size = measured(merchant)

    assert size > 1_500_000
    assert many < min(1.3 * few, size)


def add_uses(key: RestrictedKey, count: int) -> None:
    """So many uses of `key`, written by the database itself."""
    table = KeyUse._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key_id, actor, reason) "  # noqa: S608
            "SELECT %s, 'partner code', repeat('x', 200) FROM generate_series(1, %s)",
            [key.pk, count],
        )


def measured(merchant: Merchant) -> tuple[int, int]:
    """The most memory that writing the document took, and how long it is."""
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in export.pieces(merchant=merchant, now=timezone.now()))
        return tracemalloc.get_traced_memory()[1], size
    finally:
        tracemalloc.stop()
