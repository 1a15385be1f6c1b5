"""How long events wait for Stripe, and from when that counts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stripe_keys.models import RestrictedKey
from tests.stripe_keys.keys import StripeKey
from tests.webhooks.arrivals import Arrivals
from tests.webhooks.deliveries import a_notification, deliver_event
from webhooks import parking, replays
from webhooks.models import EventNotification
from work import engine


@pytest.mark.parametrize("how", ["late", "parked", "replayed"])
def test_old_event_has_patience_from_when_stripe_was_silent_first(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals, how: str
) -> None:
    arrivals.all_of(theirs.account)
    told = a_notification(context=theirs.account)
    deliver_event(told)
    event = EventNotification.objects.filter(event_id=told["id"])
    event.update(created_at=timezone.now() - timedelta(days=4))
    long_ago = timezone.now() - timedelta(days=3, hours=1)
    ended = {"silent_since": long_ago, "state": "done", "finished_at": long_ago}
    if how == "parked":
        event.update(**ended, outcome="parked", outcome_note="unknown_account")
        parking.begin_anew()
        assert parking.take_up() == 1
    if how == "replayed":
        event.update(**ended, outcome="applied")
        assert replays.replay(event, by="ada", chosen={}) == 1
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)

    engine.drain("events")

    one = event.get()
    assert (one.state, one.problem) == ("waiting", "StripeUnavailable")
    assert one.silent_since is not None


def test_waiting_for_other_things_makes_no_silence_longer(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.all_of(theirs.account)
    lane = [a_notification(context=theirs.account) for _ in range(3)]
    for told in lane:
        deliver_event(told)
    events = EventNotification.objects.filter(event_id__in=[told["id"] for told in lane])
    events.update(fence=11)
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)

    engine.drain("events")

    soon = timezone.now() + timedelta(seconds=2)
    assert events.filter(state="waiting", problem="StripeUnavailable", due_at__lt=soon).count() == 3


def test_lane_is_never_put_off_for_long(key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals) -> None:
    arrivals.all_of(theirs.account)
    lane = [a_notification(context=theirs.account) for _ in range(3)]
    for told in lane:
        deliver_event(told)
    events = EventNotification.objects.filter(event_id__in=[told["id"] for told in lane])
    events.update(silent_since=timezone.now() - timedelta(hours=2))
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)

    engine.drain("events")

    waits = sorted(event.due_at - timezone.now() for event in events)
    assert waits[1] < timedelta(seconds=30), "the head alone waits longer"
    assert timedelta(minutes=4) < waits[2] < timedelta(minutes=11)


def test_given_up_event_that_is_revived_has_new_patience(
    key: RestrictedKey, theirs: StripeKey, arrivals: Arrivals
) -> None:
    arrivals.all_of(theirs.account)
    told = a_notification(context=theirs.account)
    deliver_event(told)
    event = EventNotification.objects.get(event_id=told["id"])
    EventNotification.objects.update(silent_since=timezone.now() - timedelta(days=4))
    arrivals.admin.add_fault("error", path="/v2/core/events", times=None)
    engine.drain("events")
    event.refresh_from_db()
    assert event.state == "dead"

    assert engine.revive(event)
    engine.drain("events")

    event.refresh_from_db()
    assert (event.state, event.problem) == ("waiting", "StripeUnavailable")
