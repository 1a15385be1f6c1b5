"""A backlog of one account is worked on in one go, and whatever goes wrong with one event is that event's alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from stripe_keys import app_pace
from stripe_keys.models import RestrictedKey, Validation
from tests.people import an_owner
from tests.simulator import until
from tests.stripe_keys.keys import AtStripe, StripeKey, checked, paste
from tests.webhooks.arrivals import Arrivals, make_due
from tests.webhooks.deliveries import deliver
from webhooks import processing, tasks
from webhooks.models import EventNotification
from work import bundles, engine, queues

IAM = "v2.iam.api_key."
pytestmark = pytest.mark.usefixtures("arrivals", "no_wait_ends")


@pytest.fixture
def ada(transactional_db: None) -> User:
    """Ada, in rows that are committed."""
    return an_owner("ada@example.com", "Ada's Lamps")


@pytest.fixture
def no_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits, for another try or for Stripe, does so for longer than a test takes."""
    patient = replace(tasks.EVENTS, backoff=lambda attempts: timedelta(hours=1))
    monkeypatch.setitem(queues._queues, patient.name, patient)
    monkeypatch.setattr(processing, "_FIRST_DELAY", timedelta(minutes=1))
    monkeypatch.setattr(app_pace, "_FIRST_PAUSE", 60.0)


@pytest.fixture
def theirs(ada: User, at_stripe: AtStripe) -> StripeKey:
    """Ada's key as Stripe holds it."""
    return at_stripe.bound_key(ada)


@pytest.fixture
def key(ada: User, theirs: StripeKey, arrivals: Arrivals) -> RestrictedKey:
    """Ada's key as we hold it, active, with nothing left to do."""
    pasted = checked(paste(ada, theirs.token))
    arrivals.all_of(theirs.account)
    EventNotification.objects.all().delete()
    return pasted


def backlog(at_stripe: AtStripe, theirs: StripeKey, kinds: Sequence[str]) -> list[EventNotification]:
    """Events about the key, delivered in that order and waiting."""
    wanted = [
        {"type": IAM + kind, "account": theirs.account, "data": {"api_key": theirs.id}} for kind in kinds
    ]
    made = at_stripe.admin.emit_many(wanted)
    for each in made:
        assert deliver(each["body"].encode()).status_code == 200
    return [EventNotification.objects.get(event_id=each["id"]) for each in made]


def work_on_the_head() -> EventNotification:
    """Work on the eldest event as a worker does, and return it."""
    [head] = engine.claim(tasks.EVENTS)
    processing.process(head)
    return head


def as_they_are(events: Sequence[EventNotification]) -> list[tuple[str, str, int]]:
    """State, outcome and attempts of each."""
    for event in events:
        event.refresh_from_db()
    return [(event.state, event.outcome, event.attempts) for event in events]


def test_backlog_of_an_account_is_done_along_with_its_eldest_event(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    events = backlog(at_stripe, theirs, ["updated", "created", "updated", "permissions_updated", "updated"])

    head = work_on_the_head()

    assert head.pk == events[0].pk
    assert as_they_are(events) == [("done", "applied", 1)] * 5
    assert {event.stripe_key_id for event in events} == {theirs.id}
    assert all(event.finished_at for event in events)
    reasons = key.status_changes.values_list("reason", flat=True)
    assert sum("name or settings were changed" in reason for reason in reasons) == 1, "the same follows once"
    assert Validation.objects.checks().filter(key=key, state="waiting").count() == 1


def test_another_account_is_not_taken_along(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    other = at_stripe.bound_key(an_owner("eve@example.com", "Eve's Irons"))
    arrivals.all_of(other.account)
    [mine] = backlog(at_stripe, theirs, ["updated"])
    [hers] = backlog(at_stripe, other, ["updated"])

    work_on_the_head()

    assert sorted(state for state, _, _ in as_they_are([mine, hers])) == ["done", "waiting"]


def test_poison_spoils_one_bundle_and_then_only_itself(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, settings: Settings
) -> None:
    settings.STRIPE_PLATFORM_KEY_TEST = ""  # else no body is read
    events = backlog(at_stripe, theirs, ["updated", "updated", "expired", "updated"])
    head, poison = events[0], events[2]
    # Stripe may not be asked about it, so its own body is read; and that does not read.
    EventNotification.objects.filter(pk=poison.pk).update(event_id="evt_test_unknown", body="not JSON")

    engine.drain("events")

    once, twice = ("waiting", "", 1), ("done", "applied", 2)
    assert as_they_are(events) == [once, twice, ("waiting", "", 2), twice]
    assert (head.problem, poison.problem) == ("UnreadableBody", "UnreadableBody")
    make_due(head)
    engine.drain("events")
    assert as_they_are([head, poison]) == [("done", "applied", 2), ("waiting", "", 2)]


def test_events_whose_worker_dies_are_tried_alone(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    events = backlog(at_stripe, theirs, ["updated", "updated", "updated"])
    [head] = engine.claim(tasks.EVENTS)
    bundles.take_along(head, limit=1, type=[head.type])  # and here the worker is killed
    EventNotification.objects.filter(pk=head.pk).update(lease_until=timezone.now())

    again = work_on_the_head()

    assert (again.pk, again.attempts) == (head.pk, 2)
    assert as_they_are(events) == [("done", "applied", 2), ("waiting", "", 1), ("waiting", "", 0)]
    assert work_on_the_head().pk == events[1].pk
    assert [state for state, _, _ in as_they_are(events)] == ["done", "done", "waiting"], (
        "nor does it take others along"
    )


def test_event_that_was_tried_before_is_not_taken_along(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    events = backlog(at_stripe, theirs, ["updated", "updated", "updated"])
    EventNotification.objects.filter(pk=events[1].pk).update(attempts=1)

    work_on_the_head()

    assert [state for state, _, _ in as_they_are(events)] == ["done", "waiting", "done"]


def test_worker_that_has_lost_the_head_writes_nothing_of_the_others(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    events = backlog(at_stripe, theirs, ["updated", "updated"])
    [head] = engine.claim(tasks.EVENTS)
    EventNotification.objects.filter(pk=head.pk).update(lease_until=timezone.now())
    [taken_over] = engine.claim(tasks.EVENTS)

    with pytest.raises(engine.LostLease):
        processing.process(head)

    assert as_they_are(events) == [("claimed", "", 2), ("waiting", "", 1)]
    processing.process(taken_over)
    engine.drain("events")
    assert [state for state, _, _ in as_they_are(events)] == ["done", "done"]


@pytest.mark.parametrize("harmed", [0, 1], ids=["the head", "another"])
def test_event_that_stripe_does_not_show_now_holds_up_no_other(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, harmed: int
) -> None:
    events = backlog(at_stripe, theirs, ["updated", "updated", "updated"])
    at_stripe.admin.add_fault("error", path=f"/v2/core/events/{events[harmed].event_id}", times=None)

    engine.drain("events")

    waiting = events.pop(harmed)
    assert [state for state, _, _ in as_they_are(events)] == ["done", "done"]
    assert as_they_are([waiting]) == [("waiting", "", 0)]
    assert (waiting.problem, waiting.due_at > timezone.now()) == ("StripeUnavailable", True)


def test_while_stripe_answers_nothing_the_account_is_asked_about_once_a_pause(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    events = backlog(at_stripe, theirs, ["updated"] * 4)
    late = EventNotification.objects.filter(pk=events[3].pk)
    late.update(due_at=timezone.now() + timedelta(hours=1))
    at_stripe.admin.add_fault("error", path="/v2/core/events", times=None)

    [head] = engine.claim(tasks.EVENTS)
    late.update(due_at=timezone.now())
    with pytest.raises(engine.Postpone) as pause:
        processing.process(head)
    engine.postpone(head, pause.value.delay, pause.value.problem)

    assert engine.drain("events") == 0
    assert as_they_are(events) == [("waiting", "", 0)] * 4
    at_stripe.admin.clear_faults()
    EventNotification.objects.update(due_at=timezone.now())
    assert engine.drain("events") == 1
    assert as_they_are(events) == [("done", "applied", 1)] * 4


def test_no_more_is_asked_than_the_apps_budget_allows(
    key: RestrictedKey,
    theirs: StripeKey,
    at_stripe: AtStripe,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.STRIPE_RATE_TEST, settings.STRIPE_RATE_SHARE = 12, 1  # three at once
    monkeypatch.setattr(app_pace, "_PER_SECOND", 0.0)  # and the next one seconds later
    monkeypatch.setitem(app_pace._paces, (False, 12.0), app_pace.AppPace(12.0, clock=lambda: 0.0))
    events = backlog(at_stripe, theirs, ["updated"] * 6)

    assert engine.drain("events") == 2, "three were done as one, and the next one found nothing left"

    assert [state for state, _, _ in as_they_are(events)] == ["done"] * 3 + ["waiting"] * 3
    assert {event.attempts for event in events[3:]} == {0}
    assert len({event.due_at for event in events[3:]}) == 3, "they come back one after the other"
    assert {event.problem for event in events[3:]} == {"AppBudgetSpent"}


def test_pause_that_stripe_asks_for_is_kept_by_all_accounts(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe, arrivals: Arrivals
) -> None:
    other = at_stripe.bound_key(an_owner("eve@example.com", "Eve's Irons"))
    arrivals.all_of(other.account)
    [mine] = backlog(at_stripe, theirs, ["updated"])
    at_stripe.admin.add_fault("rate_limit", path="/v2/core/events", times=None)
    engine.drain("events")
    at_stripe.admin.clear_faults()

    [hers] = backlog(at_stripe, other, ["updated"])
    engine.drain("events")

    assert [state for state, _, _ in as_they_are([mine, hers])] == ["waiting", "waiting"]
    assert (mine.problem, hers.problem) == ("StripeUnavailable", "Throttled")
    app_pace.forget()
    make_due(hers)
    engine.drain("events")
    assert as_they_are([hers])[0][0] == "done"


def test_rotation_in_a_backlog_is_told_with_its_end(
    key: RestrictedKey, theirs: StripeKey, at_stripe: AtStripe
) -> None:
    at_stripe.admin.switch(api_key_write_approved=True)
    backlog(at_stripe, theirs, ["updated"])
    successor = at_stripe.admin.rotate_key(theirs.id, overlap=3600)
    until(lambda: EventNotification.objects.filter(type=IAM + "rotated").exists())

    work_on_the_head()

    rotated = EventNotification.objects.get(type=IAM + "rotated")
    assert (rotated.outcome, rotated.new_stripe_key_id) == ("applied", successor["id"])
    key.refresh_from_db()
    assert key.expires_at is not None
    assert Notice.objects.filter(dedupe_key__startswith="rotated:").count() == 1
