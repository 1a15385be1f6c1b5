"""With the database or the broker away, Stripe hears the right thing, soon."""

import json
import socket
from typing import Any

import pytest

from tests import production
from tests.people import a_signing_secret
from tests.webhooks.deliveries import ADDRESS, JSON, a_notification, encoded, header_for
from webhooks.models import EventNotification

pytestmark = pytest.mark.processes

NOBODY = "127.0.0.1:9"
DELIVER = """
import json, sys, time
import django
django.setup()
from django.test import Client

delivery = json.loads(sys.argv[1])
client = Client(raise_request_exception=False, headers={"host": "partner.example.com"})
client.get("/healthz", secure=True)
client.post(delivery["address"], data="{}", content_type=delivery["type"], secure=True)  # what is imported late is here
for _ in range(int(sys.argv[2])):
    began = time.monotonic()
    answer = client.post(delivery["address"], data=delivery["body"], content_type=delivery["type"], secure=True,
                         headers={"Stripe-Signature": delivery["header"]})
    seconds = time.monotonic() - began
print(json.dumps({"status": answer.status_code, "seconds": seconds, "headers": dict(answer.headers)}))
"""


def delivered(event: dict[str, Any], *, times: int = 2, **environment: str) -> dict[str, Any]:
    """What a production process with that environment answers to the last of so many equal deliveries."""
    secret, body = a_signing_secret(), encoded(event)
    delivery = {
        "address": ADDRESS,
        "type": JSON,
        "body": body.decode(),
        "header": header_for(body, secret=secret),
    }
    env = production.environment(STRIPE_WEBHOOK_SECRETS=f"events:{secret}", **environment)
    ended = production.run("-c", DELIVER, json.dumps(delivery), str(times), env=env)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return told


@pytest.mark.django_db(transaction=True)
def test_broker_away_is_200_within_a_second_and_the_event_is_kept() -> None:
    event = a_notification()

    told = delivered(event, REDIS_URL=f"redis://{NOBODY}/0")

    assert told["status"] == 200
    assert told["seconds"] < 1
    assert EventNotification.objects.get().event_id == event["id"]


@pytest.mark.django_db(transaction=True)
def test_frozen_broker_is_200_within_a_second_and_the_event_is_kept() -> None:
    event = a_notification()
    with socket.create_server(
        ("127.0.0.1", 0), backlog=64
    ) as silent:  # the system takes connections; nobody answers
        told = delivered(event, REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0", times=1)

    assert told["status"] == 200
    assert told["seconds"] < 1
    assert EventNotification.objects.get().event_id == event["id"]


@pytest.mark.django_db
def test_database_away_is_503_soon_and_asks_for_another_try() -> None:
    told = delivered(a_notification(), DATABASE_URL=f"postgres://nobody@{NOBODY}/nothing")

    assert told["status"] == 503
    assert told["headers"]["Retry-After"] == "5"
    assert told["seconds"] < 3


@pytest.mark.django_db
def test_both_away_is_503() -> None:
    told = delivered(
        a_notification(),
        DATABASE_URL=f"postgres://nobody@{NOBODY}/nothing",
        REDIS_URL=f"redis://{NOBODY}/0",
    )

    assert told["status"] == 503
