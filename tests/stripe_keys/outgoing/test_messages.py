"""What is written down for the partner's own systems, when, and what it says."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from stripe_keys import lifecycle, outgoing
from stripe_keys.models import OutgoingMessage, RestrictedKey, StatusChange
from stripe_keys.outgoing import messages
from tests import people
from tests.stripe_keys.outgoing.receiver import a_secret
from tests.stripe_keys.rows import ACCOUNT, a_key

pytestmark = pytest.mark.django_db
Status = RestrictedKey.Status


@pytest.fixture
def two_endpoints(settings: Settings) -> None:
    """Two systems that are to be told."""
    settings.PARTNER_WEBHOOKS = ["ledger=https://ledger.example.com/in", "crm=https://crm.example.com/in"]
    settings.PARTNER_WEBHOOK_SECRETS = [f"ledger:{a_secret()}", f"crm:{a_secret()}"]


def moved(key: RestrictedKey, to: str, **more: Any) -> list[dict[str, Any]]:
    """What is written when the key moves."""
    before = set(OutgoingMessage.objects.values_list("pk", flat=True))
    with transaction.atomic():
        lifecycle.move(key, to, actor="ada@example.com", reason="Some words for people.", **more)
    return [json.loads(row.body) for row in OutgoingMessage.objects.exclude(pk__in=before)]


@pytest.mark.usefixtures("two_endpoints")
def test_a_move_is_told_to_each_endpoint_under_one_id(ada: User) -> None:
    moved(a_key(ada), Status.EXPIRED)

    rows = list(OutgoingMessage.objects.order_by("endpoint"))
    assert [row.endpoint for row in rows] == ["crm", "ledger"]
    assert len({row.message_id for row in rows}) == len({row.body for row in rows}) == 1
    assert rows[0].change == StatusChange.objects.get(to_status=Status.EXPIRED)


@pytest.mark.usefixtures("two_endpoints")
def test_a_message_says_what_moved_and_when(ada: User) -> None:
    key = a_key(ada, stripe_key_id="mk_1OfAda")

    told = moved(key, Status.EXPIRED, last_problem="key_expired")[0]

    change = StatusChange.objects.get(to_status=Status.EXPIRED)
    at = change.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert told == {
        "type": "restricted_key.expired",
        "timestamp": at,
        "version": 1,
        "data": {
            "change_id": change.pk,
            "key_id": str(key.pk),
            "merchant_id": str(key.merchant_id),
            "stripe_account_id": ACCOUNT,
            "stripe_account_is_proven": True,
            "stripe_key_id": "mk_1OfAda",
            "livemode": False,
            "purpose": "default",
            "status": "expired",
            "is_suspended": False,
            "is_unreadable": False,
            "expires_at": None,
            "from_status": "active",
            "to_status": "expired",
            "reason_code": "key_expired",
        },
    }


@pytest.mark.usefixtures("two_endpoints")
def test_no_person_and_no_words_for_people_are_told(ada: User) -> None:
    key = a_key(ada)

    moved(key, Status.REMOVED)

    for row in OutgoingMessage.objects.all():
        for private in (ada.email, "ada@", people.merchant_of(ada).name, "Some words", key.last4, "rk_"):
            assert private not in row.body


@pytest.mark.usefixtures("two_endpoints")
def test_an_account_that_a_merchant_merely_named_is_not_told_with_a_key_that_never_served(ada: User) -> None:
    key = a_key(ada, Status.PENDING, stripe_account_id="acct_1OfSomebody", account_is_claimed=True)

    told = moved(key, Status.REJECTED)[0]

    assert told["data"]["stripe_account_id"] is None
    assert "acct_1OfSomebody" not in json.dumps(told)


@pytest.mark.usefixtures("two_endpoints")
def test_an_account_that_was_named_and_not_proven_is_marked(ada: User) -> None:
    key = a_key(ada, Status.PENDING, stripe_account_id=ACCOUNT, account_is_claimed=True)

    told = moved(key, Status.LIMITED)[0]

    assert (told["data"]["stripe_account_id"], told["data"]["stripe_account_is_proven"]) == (ACCOUNT, False)


@pytest.mark.usefixtures("two_endpoints")
@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "removed"), ({"code": "uninstalled"}, "uninstalled"), ({"last_problem": "yielded"}, "yielded")],
    ids=["usual", "named", "problem"],
)
def test_the_reason_is_one_of_our_own_codes(ada: User, fields: dict[str, str], code: str) -> None:
    assert moved(a_key(ada), Status.REMOVED, **fields)[0]["data"]["reason_code"] == code


@pytest.mark.usefixtures("two_endpoints")
def test_a_line_of_history_that_moves_nothing_is_not_told(ada: User) -> None:
    lifecycle.record(a_key(ada), actor="ada@example.com", reason="The key was pasted again.")

    assert not OutgoingMessage.objects.exists()


@pytest.mark.usefixtures("two_endpoints")
def test_what_is_rolled_back_is_not_told(ada: User) -> None:
    key = a_key(ada)
    with transaction.atomic():
        lifecycle.move(key, Status.EXPIRED, actor="Stripe", reason="It is dead.")
        written = OutgoingMessage.objects.count()
        transaction.set_rollback(True)

    assert written == 2
    assert not OutgoingMessage.objects.exists()


def test_nothing_is_asked_of_the_database_where_nobody_is_to_be_told(ada: User) -> None:
    key = a_key(ada)
    change = StatusChange.objects.get(key=key)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        outgoing.tell_move(key, change)
        outgoing.tell(key, outgoing.EXPIRING, expires_at=None)

    assert len(asked) == 0
    assert moved(key, Status.EXPIRED) == []


@pytest.mark.usefixtures("two_endpoints")
def test_an_announced_end_is_told_with_its_moment(ada: User) -> None:
    key = a_key(ada, expires_at=datetime(2026, 12, 1, 12, 0, tzinfo=UTC))

    outgoing.tell(key, outgoing.EXPIRING)

    told = json.loads(OutgoingMessage.objects.all()[0].body)
    assert (told["type"], told["data"]["status"]) == ("restricted_key.expiring", "active")
    assert told["data"]["expires_at"] == "2026-12-01T12:00:00.000000Z"


@pytest.mark.usefixtures("two_endpoints")
def test_all_messages_about_a_merchant_share_a_lane_per_endpoint(ada: User) -> None:
    key = a_key(ada)
    outgoing.tell(key, outgoing.EXPIRING)
    outgoing.tell(key, outgoing.EXPIRING)

    lanes = OutgoingMessage.objects.values_list("lane", flat=True)
    assert len(set(lanes)) == 2
    assert set(lanes) <= {
        messages.lane_of(name, number) for name in ("ledger", "crm") for number in range(messages.LANES)
    }
