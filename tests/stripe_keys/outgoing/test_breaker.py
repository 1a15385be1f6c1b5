"""An endpoint that is down is left alone, does not hold up others, and is asked again now and then."""

import threading
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice
from stripe_keys import outgoing
from stripe_keys.models import OutgoingMessage, PartnerEndpoint, RestrictedKey
from stripe_keys.outgoing import breaker, delivery, messages, upkeep
from tests.stripe_keys.outgoing.receiver import Receiver, a_secret, receiving
from tests.waiting import eventually
from work import engine

State = OutgoingMessage.State


@pytest.fixture
def backlog(key: RestrictedKey) -> int:
    """Twelve messages that wait, in every lane of the endpoint."""
    for number in range(12):
        outgoing.tell(key, outgoing.EXPIRING)
        row = OutgoingMessage.objects.latest("pk")
        lane = messages.lane_of(row.endpoint, number % messages.LANES)
        OutgoingMessage.objects.filter(pk=row.pk).update(lane=lane)
    return 12


def until_asked_again() -> None:
    """Let the pause be over."""
    PartnerEndpoint.objects.update(closed_until=Now())
    OutgoingMessage.objects.filter(problem=breaker.WAITS).update(due_at=Now())


def test_after_some_failures_nothing_is_sent_for_a_while(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [503]
    engine.drain("outgoing")

    waiting = OutgoingMessage.objects.filter(problem=breaker.WAITS)
    assert len(receiver.arrivals) == breaker.OPENS_AFTER
    # The last failure waits for its own next try; nobody else has used one up.
    assert waiting.count() == backlog - 1
    assert sum(row.attempts for row in waiting) == breaker.OPENS_AFTER - 1
    assert all(row.due_at > timezone.now() + timedelta(seconds=20) for row in waiting)
    assert engine.drain("outgoing") == 0


def test_then_one_message_finds_out_and_the_pause_grows(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [503]
    engine.drain("outgoing")
    first = PartnerEndpoint.objects.get()
    until_asked_again()
    engine.drain("outgoing")

    second = PartnerEndpoint.objects.get()
    assert len(receiver.arrivals) == breaker.OPENS_AFTER + 1
    assert second.failures == breaker.OPENS_AFTER + 1
    assert first.closed_until is not None
    assert second.closed_until is not None
    assert second.closed_until - timezone.now() > timedelta(seconds=45)
    assert second.failing_since == first.failing_since


@pytest.mark.django_db
def test_failures_of_messages_that_were_under_way_do_not_make_the_pause_longer() -> None:
    for _ in range(breaker.OPENS_AFTER + 3):
        breaker.note_failure("ledger", was_turn=False)

    assert PartnerEndpoint.objects.get().failures == breaker.OPENS_AFTER


def test_the_first_message_that_is_taken_lets_all_go(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [503, 503, 503, 204]
    engine.drain("outgoing")
    until_asked_again()
    engine.drain("outgoing")

    state = PartnerEndpoint.objects.get()
    done = OutgoingMessage.objects.filter(state=State.DONE).count()
    assert (state.failures, state.failing_since, state.closed_until) == (0, None, None)
    assert done == backlog


def test_an_endpoint_that_is_down_does_not_keep_another_waiting(
    receiver: Receiver, key: RestrictedKey, settings: Settings
) -> None:
    with receiving() as other:
        settings.PARTNER_WEBHOOKS = [*settings.PARTNER_WEBHOOKS, f"crm={other.url}"]
        settings.PARTNER_WEBHOOK_SECRETS = [*settings.PARTNER_WEBHOOK_SECRETS, f"crm:{a_secret()}"]
        receiver.answers = [500]
        for _ in range(8):
            outgoing.tell(key, outgoing.EXPIRING)
        engine.drain("outgoing")

    assert len(other.arrivals) == 8
    assert len(receiver.arrivals) == breaker.OPENS_AFTER


def test_an_endpoint_that_is_gone_is_left_alone_and_ops_are_told_once(
    receiver: Receiver, backlog: int
) -> None:
    receiver.answers = [410]
    engine.drain("outgoing")
    OutgoingMessage.objects.update(due_at=Now())
    engine.drain("outgoing")

    assert len(receiver.arrivals) == 1
    assert set(OutgoingMessage.objects.values_list("problem", "attempts")) == {(breaker.GONE, 0)}
    assert Notice.objects.filter(dedupe_key__startswith="outgoing-gone:ledger:").count() == 1


def test_ops_let_a_gone_endpoint_be_asked_again(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [410, 204]
    engine.drain("outgoing")

    assert breaker.close("ledger")
    engine.drain("outgoing")

    assert OutgoingMessage.objects.filter(state=State.DONE).count() == backlog
    assert not breaker.close("ledger")


def test_a_test_message_asks_an_endpoint_that_is_left_alone(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [410, 204]
    engine.drain("outgoing")
    messages.tell_test("ledger")
    engine.drain("outgoing")

    assert OutgoingMessage.objects.filter(state=State.DONE).count() == backlog + 1


def test_few_messages_are_on_their_way_at_once(receiver: Receiver, backlog: int, settings: Settings) -> None:
    receiver.answers = ["hang"]
    workers = [threading.Thread(target=_drain) for _ in range(messages.LANES + 2)]
    for worker in workers:
        worker.start()
    eventually(lambda: len(receiver.arrivals) == messages.LANES)
    receiver.answers = [204]
    receiver.released.set()
    for worker in workers:
        worker.join()

    assert receiver.most_at_once <= messages.LANES


def _drain() -> None:
    from django.db import connection

    try:
        engine.drain("outgoing")
    finally:
        connection.close()


def test_a_worker_keeps_most_of_its_threads_for_keys(
    receiver: Receiver, key: RestrictedKey, settings: Settings
) -> None:
    settings.WORKER_THREADS = 4
    delivery._room.cache_clear()
    outgoing.tell(key, outgoing.EXPIRING)
    with delivery._room():
        engine.drain("outgoing")

    message = OutgoingMessage.objects.get()
    assert (message.problem, message.attempts) == ("WorkerIsBusy", 0)
    assert receiver.arrivals == []


def test_messages_for_an_endpoint_that_was_down_for_days_are_dead_and_ops_are_told(
    receiver: Receiver, backlog: int
) -> None:
    long_ago = timezone.now() - upkeep.GIVEN_UP_AFTER - timedelta(hours=1)
    PartnerEndpoint.objects.create(name="ledger", failures=9, failing_since=long_ago)
    old = OutgoingMessage.objects.order_by("pk")[:5]
    OutgoingMessage.objects.filter(pk__in=old.values("pk")).update(created_at=long_ago)

    upkeep.give_up()

    assert OutgoingMessage.objects.filter(state=State.DEAD).count() == 5
    assert Notice.objects.filter(dedupe_key__startswith="outgoing-dead:ledger:").count() == 1


def test_messages_are_forgotten_after_thirty_days_and_those_that_wait_are_not(
    receiver: Receiver, backlog: int
) -> None:
    rows = list(OutgoingMessage.objects.order_by("pk"))
    old, new = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=29)
    for row, state, end in zip(rows, (State.DONE, State.DEAD, State.DONE), (old, old, new), strict=False):
        OutgoingMessage.objects.filter(pk=row.pk).update(state=state, finished_at=end)
    OutgoingMessage.objects.filter(pk=rows[3].pk).update(created_at=old)

    upkeep.forget_old()

    assert set(OutgoingMessage.objects.values_list("pk", flat=True)) == {row.pk for row in rows[2:]}


@pytest.mark.usefixtures("transactional_db")
def test_the_desk_lists_what_is_configured_and_nothing_else(receiver: Receiver) -> None:
    PartnerEndpoint.objects.create(name="of-last-year")

    upkeep.list_endpoints()

    assert list(PartnerEndpoint.objects.values_list("name", flat=True)) == ["ledger"]


def test_how_many_wait_is_counted_for_each_endpoint(receiver: Receiver, backlog: int) -> None:
    receiver.answers = [503]
    engine.drain("outgoing")
    OutgoingMessage.objects.filter(pk=OutgoingMessage.objects.latest("pk").pk).update(state=State.DEAD)

    counted = upkeep.counts(timezone.now() + timedelta(minutes=1))["ledger"]

    assert (counted["waiting"], counted["dead"], counted["left_alone"]) == (backlog - 1, 1, 1)
    assert 59 < counted["oldest_age_seconds"] < 90
