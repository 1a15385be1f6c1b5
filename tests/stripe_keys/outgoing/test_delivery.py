"""Messages on their way to a real receiver: taken, refused, too slow, gone; and what becomes of them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.models import Notice
from stripe_keys import lifecycle, outgoing
from stripe_keys.models import OutgoingMessage, PartnerEndpoint, RestrictedKey
from stripe_keys.outgoing import delivery, endpoints, messages, sending
from tests.stripe_keys.outgoing.receiver import Arrival, Receiver, a_secret
from work import engine

State = OutgoingMessage.State
Verification = pytest.raises(WebhookVerificationError)


def tell(key: RestrictedKey) -> OutgoingMessage:
    """A message that waits."""
    outgoing.tell(key, outgoing.EXPIRING)
    return OutgoingMessage.objects.latest("pk")


def deliver() -> int:
    """Let a worker send everything that is due."""
    return engine.drain("outgoing")


def again(message: OutgoingMessage) -> OutgoingMessage:
    """Let the message be due now, whatever it waits for, and have it sent; its row as it is then."""
    OutgoingMessage.objects.filter(pk=message.pk, state=State.WAITING).update(due_at=timezone.now())
    PartnerEndpoint.objects.filter(closed_until__isnull=False).update(closed_until=timezone.now())
    deliver()
    return seen(message)


def send_by_hand(message: OutgoingMessage, *, now: datetime) -> None:
    """Send it as a worker does that dies before it can write that down."""
    sending.send(endpoints.configured()["ledger"], message_id=message.message_id, body=message.body, now=now)


def seen(message: OutgoingMessage) -> OutgoingMessage:
    """The row as it is now."""
    return OutgoingMessage.objects.get(pk=message.pk)


def waits(message: OutgoingMessage) -> timedelta:
    """For how long it will wait."""
    return seen(message).due_at - timezone.now()


def test_a_move_arrives_signed(receiver: Receiver, key: RestrictedKey, secret: str) -> None:
    with transaction.atomic():
        lifecycle.move(key, RestrictedKey.Status.EXPIRED, actor="Stripe", reason="It is dead.")
    deliver()

    (arrival,) = receiver.arrivals
    told = arrival.verified(secret)
    message = OutgoingMessage.objects.get()
    assert (told["type"], told["data"]["key_id"]) == ("restricted_key.expired", str(key.pk))
    assert (message.state, message.last_status, message.problem) == (State.DONE, 204, "")
    assert arrival.headers["webhook-id"] == message.message_id
    assert arrival.body.decode() == message.body
    assert arrival.path == "/from-ledgerline?token=of-the-address"


def test_a_message_says_nothing_of_us_but_what_it_must(receiver: Receiver, key: RestrictedKey) -> None:
    tell(key)
    deliver()

    assert {name.lower() for name in receiver.arrivals[0].headers} == {
        "host", "user-agent", "accept-encoding", "connection", "content-type", "content-length",
        "webhook-id", "webhook-timestamp", "webhook-signature",
    }  # fmt: skip


@pytest.mark.parametrize("altered", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_the_library_refuses_what_was_altered(
    receiver: Receiver, key: RestrictedKey, secret: str, altered: str
) -> None:
    tell(key)
    deliver()
    (arrival,) = receiver.arrivals
    arrival.verified(secret)

    headers, body = dict(arrival.headers), arrival.body
    if altered == "body":
        body = body.replace(b'"livemode":false', b'"livemode":true')
    elif altered == "webhook-timestamp":
        headers[altered] = str(int(headers[altered]) + 1)
    else:
        headers[altered] = headers[altered][:-6] + "AAAAA="

    with Verification:
        Arrival(arrival.path, headers, body).verified(secret)


def test_the_library_refuses_another_secret(receiver: Receiver, key: RestrictedKey) -> None:
    tell(key)
    deliver()

    with Verification:
        receiver.arrivals[0].verified(a_secret())


def test_both_secrets_sign_while_one_replaces_the_other(
    receiver: Receiver, key: RestrictedKey, secret: str, settings: Settings
) -> None:
    newer = a_secret()
    settings.PARTNER_WEBHOOK_SECRETS = [f"ledger:{newer}", f"ledger:{secret}"]
    tell(key)
    deliver()

    (arrival,) = receiver.arrivals
    assert arrival.verified(newer) == arrival.verified(secret)
    assert len(arrival.headers["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("status", [500, 429, 404, 301, 302, 307, 308])
def test_an_answer_that_is_not_2xx_is_tried_again_and_no_redirect_followed(
    receiver: Receiver, key: RestrictedKey, status: int
) -> None:
    receiver.answers = [status]
    message = tell(key)
    deliver()

    row = seen(message)
    assert (row.state, row.last_status, row.problem) == (State.WAITING, status, f"NotTaken: http_{status}")
    assert timedelta(seconds=3) < waits(message) < timedelta(seconds=6)
    assert len(receiver.arrivals) == 1


def test_each_try_has_the_same_id_and_body_and_a_signature_of_its_own_moment(
    receiver: Receiver, key: RestrictedKey, secret: str
) -> None:
    message = tell(key)
    send_by_hand(message, now=timezone.now() - timedelta(hours=1))
    deliver()

    assert seen(message).state == State.DONE
    first, second = receiver.arrivals
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    second.verified(secret)
    with Verification:
        first.verified(secret)


def test_nobody_there_is_tried_again(receiver: Receiver, key: RestrictedKey, settings: Settings) -> None:
    settings.PARTNER_WEBHOOKS = ["ledger=http://127.0.0.1:9/"]
    message = tell(key)
    deliver()

    assert (seen(message).state, seen(message).problem) == (State.WAITING, "NoAnswer: no_connection")


@pytest.mark.parametrize("manner", ["hang", "trickle"])
def test_a_slow_answer_is_not_waited_for(
    receiver: Receiver,
    key: RestrictedKey,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    manner: str,
) -> None:
    monkeypatch.setattr(sending, "READ_SECONDS" if manner == "hang" else "IN_ALL_SECONDS", 0.2)
    receiver.answers = [manner]
    message = tell(key)
    deliver()

    problem = "NoAnswer: timeout" if manner == "hang" else "NoAnswer: too_slow"
    assert (seen(message).state, seen(message).problem) == (State.WAITING, problem)
    assert "XX" not in caplog.text
    assert "of-the-address" not in caplog.text


def test_nothing_of_an_answer_is_kept_but_its_status(
    receiver: Receiver, key: RestrictedKey, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500]
    message = tell(key)
    deliver()

    row = json.dumps({field: str(value) for field, value in vars(seen(message)).items()})
    for theirs in ("a text of theirs", "of-the-address", "seen=1"):
        assert theirs not in row + caplog.text


def test_the_waits_grow_to_a_day_and_last_three() -> None:
    planned = [step.total_seconds() for step in delivery.LADDER]
    waits = [delivery.backoff(attempts).total_seconds() for attempts in range(1, delivery.MOST_ATTEMPTS)]

    assert planned == sorted(planned)
    assert all(0.9 * step <= wait <= 1.1 * step for step, wait in zip(planned, waits, strict=True))
    assert 3 * 24 * 3600 < sum(planned) < 4 * 24 * 3600


def test_neither_a_proxy_nor_a_netrc_of_the_machine_is_used(
    receiver: Receiver, key: RestrictedKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password of-the-machine")
    monkeypatch.setenv("NETRC", str(netrc))
    tell(key)
    deliver()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    tell(key)
    deliver()

    assert len(receiver.arrivals) == 2
    assert all("Authorization" not in arrival.headers for arrival in receiver.arrivals)


def test_a_message_that_is_never_taken_is_dead_and_ops_are_told_once_a_day(
    receiver: Receiver, key: RestrictedKey
) -> None:
    receiver.answers = [500]
    first, second = tell(key), tell(key)
    OutgoingMessage.objects.update(attempts=delivery.MOST_ATTEMPTS - 1)

    assert again(first).state == again(second).state == State.DEAD
    assert Notice.objects.filter(dedupe_key__startswith="outgoing-dead:ledger:").count() == 1


def test_a_dead_message_can_be_revived_and_arrives_under_its_id(
    receiver: Receiver, key: RestrictedKey, secret: str
) -> None:
    receiver.answers = [500, 204]
    message = tell(key)
    OutgoingMessage.objects.update(attempts=delivery.MOST_ATTEMPTS - 1)
    deliver()
    assert seen(message).state == State.DEAD

    engine.revive(seen(message))
    deliver()

    assert seen(message).state == State.DONE
    assert len({arrival.headers["webhook-id"] for arrival in receiver.arrivals}) == 1
    receiver.arrivals[1].verified(secret)


def test_a_message_to_an_endpoint_that_is_configured_no_more_is_dead(
    receiver: Receiver, key: RestrictedKey, settings: Settings
) -> None:
    message = tell(key)
    settings.PARTNER_WEBHOOKS = []
    deliver()

    assert (seen(message).state, seen(message).problem) == (State.DEAD, "EndpointNotConfigured")
    assert receiver.arrivals == []


def test_a_message_whose_worker_died_after_sending_is_sent_again_under_its_id(
    receiver: Receiver, key: RestrictedKey
) -> None:
    message = tell(key)
    engine.claim("outgoing")
    send_by_hand(message, now=timezone.now())
    OutgoingMessage.objects.update(lease_until=timezone.now())

    deliver()

    assert seen(message).state == State.DONE
    assert [arrival.headers["webhook-id"] for arrival in receiver.arrivals] == [message.message_id] * 2


def test_a_test_message_is_for_one_endpoint_and_not_tried_again(
    receiver: Receiver, key: RestrictedKey
) -> None:
    receiver.answers = [500, 200]
    refused = messages.tell_test("ledger")
    deliver()
    taken = messages.tell_test("ledger")
    deliver()

    assert (seen(refused).state, seen(refused).last_status) == (State.DEAD, 500)
    assert (seen(taken).state, seen(taken).last_status) == (State.DONE, 200)
    assert not Notice.objects.exists()
    assert json.loads(taken.body)["data"] == {"endpoint": "ledger"}
