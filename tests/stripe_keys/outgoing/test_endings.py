"""What Stripe says of a key's end is told at once, before the key moves."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from stripe_keys import reports
from stripe_keys.models import OutgoingMessage, RestrictedKey
from tests.stripe_keys.outgoing.receiver import Receiver
from tests.stripe_keys.rows import ACCOUNT, a_key

pytestmark = pytest.mark.django_db
END = datetime(2027, 1, 1, tzinfo=UTC)


def rotate(reported_at: datetime | None = None) -> None:
    """Stripe reports that Ada's key was replaced by another."""
    now = timezone.now()
    reports.key_rotated(
        stripe_account_id=ACCOUNT,
        livemode=False,
        stripe_key_id="mk_1OfAda",
        new_stripe_key_id="mk_2OfAda",
        expires_at=END,
        reported_at=reported_at or now,
        now=now,
    )


def told() -> list[tuple[str, Any, Any]]:
    """The messages: type, reason, end."""
    bodies = [json.loads(row.body) for row in OutgoingMessage.objects.order_by("pk")]
    return [(one["type"], one["data"]["reason_code"], one["data"]["expires_at"]) for one in bodies]


def test_a_rotation_is_told_once_with_its_end_and_its_successor(receiver: Receiver, ada: User) -> None:
    a_key(ada, stripe_key_id="mk_1OfAda")
    reported_at = timezone.now() - timedelta(minutes=1)
    rotate(reported_at=reported_at)
    rotate(reported_at=reported_at)

    assert told() == [("restricted_key.expiring", "rotated", "2027-01-01T00:00:00.000000Z")]
    body = json.loads(OutgoingMessage.objects.get().body)
    assert body["data"]["successor_stripe_key_id"] == "mk_2OfAda"


def test_a_rotation_of_a_key_that_does_not_serve_is_not_told(receiver: Receiver, ada: User) -> None:
    a_key(ada, RestrictedKey.Status.PENDING, stripe_key_id="mk_1OfAda", stripe_account_id=ACCOUNT)
    rotate()

    assert told() == []


def test_an_end_that_stripe_announces_or_takes_back_is_told(receiver: Receiver, ada: User) -> None:
    a_key(ada, stripe_key_id="mk_1OfAda")
    for end in (END, END, None):
        reports.key_will_end(
            stripe_account_id=ACCOUNT,
            livemode=False,
            stripe_key_id="mk_1OfAda",
            expires_at=end,
            now=timezone.now(),
        )

    assert [one[1:] for one in told()] == [
        ("expiry_announced", "2027-01-01T00:00:00.000000Z"),
        ("expiry_withdrawn", None),
    ]
