"""The events' bell: it is rung for the account's lane, and the task of that name empties the lane."""

import threading

import pytest
from django.db import connection

from tests.webhooks.deliveries import a_notification, deliver, deliver_event, encoded
from webhooks import tasks
from webhooks.models import EventNotification

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_queues_task_is_the_one_that_exists() -> None:
    assert tasks.drain_events.name == tasks.EVENTS.task_name


def test_task_works_on_the_events_of_its_lane_alone() -> None:
    mine, other = a_notification(type="x.y"), a_notification(type="x.y")
    for event in (mine, other):
        deliver_event(event)

    assert tasks.drain_events(mine["context"]) == 1

    assert EventNotification.objects.get(event_id=mine["id"]).state == "done"
    assert EventNotification.objects.get(event_id=other["id"]).state == "waiting"


def test_same_event_from_many_sides_at_once_is_one_row() -> None:
    body = encoded(a_notification())
    answers: list[int] = []

    def send() -> None:
        try:
            answers.append(deliver(body).status_code)
        finally:
            connection.close()

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert answers == [200] * 8
    assert EventNotification.objects.count() == 1
