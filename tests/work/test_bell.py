"""The bell: rings when it can, says nothing twice, and never harms or delays whoever rings it."""

import base64
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from django.core.cache import caches
from django.db import transaction
from pytest_django import Settings

from local_stack.ports import free_port
from local_stack.redis_server import RedisServer
from tests.waiting import NOT_FOR_EVER
from tests.work.conftest import COMMITTING
from tests.work.errands import Errand
from work import bell
from work.broker import PUBLISHER_OPTIONS, WORKER_OPTIONS
from work.engine import Queue, drain

pytestmark = COMMITTING


@pytest.fixture
def use_broker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points the bells to another Redis for one test."""

    def use(url: str) -> None:
        bells = {**settings.CACHES["bells"], "LOCATION": url}
        settings.CACHES = {**settings.CACHES, "bells": bells}
        monkeypatch.setattr(current_app.conf, "broker_url", url)

    return use


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may freeze and kill."""
    server = RedisServer(tmp_path / "redis", logs=tmp_path, durable=False)
    server.start()
    yield server
    server.stop()


def rung(broker: "redis.Redis") -> list[dict[str, Any]]:
    """The bells that wait for a worker: task, arguments and headers."""
    lists = [
        "bells",
        *(f"bells\x06\x16{step}" for step in (3, 6, 9)),
    ]  # a list per step of the broker's priorities
    messages = [json.loads(each) for name in lists for each in broker.lrange(name, 0, -1)]
    return [
        {**message["headers"], "args": json.loads(base64.b64decode(message["body"]))[0]}
        for message in messages
    ]


def test_bell_carries_the_lane_and_expires(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    bell.ring("errands", "ada")

    (message,) = rung(broker)
    assert (message["task"], message["args"]) == ("tests.work.drain_errands", ["ada"])
    assert message["expires"] is not None


def test_bell_of_a_queue_without_lanes_carries_nothing(
    committing_database: None, broker: "redis.Redis"
) -> None:
    bell.ring("periodic")

    assert [message["args"] for message in rung(broker)] == [[]]


def test_bell_that_hangs_is_not_hung_again(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    bell.ring("errands", "ada")
    bell.ring("errands", "ada")
    bell.ring("errands", "eve")

    assert [message["args"] for message in rung(broker)] == [["eve"], ["ada"]]


def test_urgent_bell_is_hung_beside_a_leisurely_one(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    for _ in range(2):
        bell.ring("errands", "ada", priority=90)
        bell.ring("errands", "ada", priority=10)

    urgent_first = [broker.llen(name) for name in ("bells", "bells\x06\x163", "bells\x06\x166")]
    assert urgent_first == [1, 0, 1]


@pytest.mark.parametrize("priority", [10, 30, 90])
def test_every_bell_of_a_lane_is_taken_down(
    errands: "Queue[Errand]", broker: "redis.Redis", priority: int
) -> None:
    bell.ring("errands", "ada", priority=priority)
    bell.take_down("errands", "ada")
    bell.ring("errands", "ada", priority=priority)

    assert len(rung(broker)) == 2


def test_bell_can_be_heard_anew_once_a_worker_looks(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    bell.ring("errands", "ada")
    drain(errands, "ada")
    bell.ring("errands", "ada")

    assert len(rung(broker)) == 2


def test_bell_is_taken_down_before_the_first_claim(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    heard: list[int] = []

    def ring_while_working(row: Errand) -> None:
        bell.ring("errands", row.lane)
        heard.append(len(rung(broker)))

    bell.ring("errands", "ada")
    Errand.objects.create(lane="ada")
    object.__setattr__(errands, "process", ring_while_working)

    drain(errands, "ada")

    assert heard == [2]


def test_bell_rings_only_when_the_row_is_committed(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    with transaction.atomic():
        bell.ring_on_commit("errands", "ada")
        assert rung(broker) == []

    assert len(rung(broker)) == 1


def test_bell_does_not_ring_for_what_was_rolled_back(errands: "Queue[Errand]", broker: "redis.Redis") -> None:
    def change_ones_mind() -> None:
        with transaction.atomic():
            bell.ring_on_commit("errands", "ada")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        change_ones_mind()

    assert rung(broker) == []


def test_unknown_queue_harms_nobody(broker: "redis.Redis", committing_database: None) -> None:
    bell.ring("no such queue", "ada")

    assert rung(broker) == []


def test_dead_broker_neither_raises_nor_delays(
    errands: "Queue[Errand]", broker: "redis.Redis", use_broker: Callable[[str], None]
) -> None:
    use_broker(f"redis://127.0.0.1:{free_port()}/0")

    begun = time.monotonic()
    bell.ring("errands", "ada")

    assert time.monotonic() - begun < NOT_FOR_EVER
    assert bell.silence.reigns()


def test_frozen_broker_neither_raises_nor_delays(
    errands: "Queue[Errand]",
    broker: "redis.Redis",
    own_redis: RedisServer,
    use_broker: Callable[[str], None],
) -> None:
    use_broker(own_redis.url)
    bell.ring("errands", "warm")
    assert not bell.silence.reigns()
    assert own_redis.process is not None
    own_redis.process.send_signal(signal.SIGSTOP)

    begun = time.monotonic()
    bell.ring("errands", "ada")
    bell.take_down("errands", "ada")

    assert time.monotonic() - begun < NOT_FOR_EVER
    assert bell.silence.reigns()


def test_broker_that_freezes_after_the_hook_was_found_free_does_not_delay(
    errands: "Queue[Errand]",
    broker: "redis.Redis",
    own_redis: RedisServer,
    use_broker: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worst moment: the cache has answered, the message cannot be sent."""
    healthy = caches["bells"]
    use_broker(own_redis.url)
    monkeypatch.setattr("work.bell.caches", {"bells": healthy})
    assert own_redis.process is not None
    own_redis.process.send_signal(signal.SIGSTOP)

    begun = time.monotonic()
    bell.ring("errands", "ada")

    assert time.monotonic() - begun < NOT_FOR_EVER
    assert bell.silence.reigns()


def test_bell_rings_again_when_the_broker_is_back(
    errands: "Queue[Errand]",
    broker: "redis.Redis",
    own_redis: RedisServer,
    use_broker: Callable[[str], None],
) -> None:
    use_broker(own_redis.url)
    bell.ring("errands", "ada")
    own_redis.stop()
    bell.ring("errands", "ben")
    own_redis.start()
    client = redis.Redis.from_url(own_redis.url)
    bell.silence.end()  # its five seconds are over

    bell.ring("errands", "eve")

    assert [message["args"] for message in rung(client)] == [["eve"]]
    client.close()


def test_whoever_rings_never_waits_as_a_worker_may() -> None:
    assert PUBLISHER_OPTIONS["socket_timeout"] + PUBLISHER_OPTIONS["socket_connect_timeout"] < 1
    assert PUBLISHER_OPTIONS["max_retries"] == 0
    assert WORKER_OPTIONS["socket_timeout"] is None
