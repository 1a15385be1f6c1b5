"""When an event says that it was made: a hint that is never later than its arrival, and never the door's trouble."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from stripe_keys.models import RestrictedKey, StripeInstall
from tests.stripe_keys.keys import StripeKey
from tests.webhooks.deliveries import a_notification, a_snapshot, an_account_id, deliver_event
from webhooks import reading
from webhooks.models import EventNotification
from work import engine

IN_2099 = datetime(2099, 1, 1, tzinfo=UTC)


def test_install_of_the_future_does_not_outdate_a_later_uninstall(
    key: RestrictedKey, theirs: StripeKey
) -> None:
    lie = a_snapshot(
        type="account.application.authorized", account=theirs.account, created=int(IN_2099.timestamp())
    )

    deliver_event(lie)
    engine.drain("events")

    install = StripeInstall.objects.get(stripe_account_id=theirs.account)
    assert install.installed_at == EventNotification.objects.get(event_id=lie["id"]).created_at


@pytest.mark.parametrize(
    ("made", "is_believed"),
    [
        (timedelta(days=-20), True),
        (timedelta(seconds=30), True),
        (timedelta(seconds=61), False),
        (timedelta(days=20_000), False),
        (None, False),
    ],
    ids=str,
)
def test_event_is_no_younger_than_its_arrival_but_for_what_clocks_differ_by(
    made: timedelta | None, is_believed: bool
) -> None:
    came = timezone.now()
    event = EventNotification(created_at=came, stripe_created_at=None if made is None else came + made)

    assert event.reported_at == (event.stripe_created_at if is_believed else came)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-21T10:00:00+23:59",
        "2026-11-21T10:00:00-23:59",
        "2026-11-21T10:00:00+00:00:30.000001",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2026-W47-6",
        "20261121",
    ],
)
@pytest.mark.django_db
def test_odd_moments_are_taken_or_left_out(written: str) -> None:
    event = a_notification(created=written, context=an_account_id())

    assert deliver_event(event).status_code == 200
    row = EventNotification.objects.get(event_id=event["id"])
    assert row.stripe_created_at is None or row.stripe_created_at.year == 2026


@pytest.mark.parametrize("written", ["2026-11-21T10:00:00+23:59", "2026-11-21T10:00:00Z"])
def test_moment_is_the_same_in_utc(written: str) -> None:
    found = reading.read(b'{"id":"evt_1","type":"a.b","created":"%s"}' % written.encode()).stripe_created_at

    assert found is not None
    assert found.tzinfo is UTC
    assert found == datetime.fromisoformat(written)
