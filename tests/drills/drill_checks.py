"""Whatever breaks while keys are checked: every key ends right, each verdict is applied once, no lane stays stuck.

`make drills` runs these and prints what was counted. They take minutes, so `make test` does not run them.
"""

import signal
from collections.abc import Iterator

import pytest
import redis

from tests.browser.stage import stack_in_a_folder_of_its_own
from tests.drills.ground import LEASE_SECONDS, Count, Ground
from tests.drills.tally import tally
from tests.waiting import eventually

KEYS = 40
ENVIRONMENT = {
    "KEY_CONFIRM_DEAD_AFTER_SECONDS": "2",
    "KEY_SWEEP_REQUESTS_PER_SECOND": "2000",
    "KEY_BRAKE_WINDOW_SECONDS": "30",
    "OPS_ALERT_ADDRESSES": "ops@example.com",
}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """The site, with a second worker beside the first."""
    with stack_in_a_folder_of_its_own(durable=True, **ENVIRONMENT) as stack:
        running = Ground(stack)
        try:
            running.start_another_worker()
            yield running
        finally:
            running.close()


@pytest.fixture(autouse=True)
def calm_at_stripe(ground: Ground) -> Iterator[None]:
    """Each drill begins and ends with a Stripe that works."""
    ground.stripe.clear_faults()
    yield
    ground.stripe.clear_faults()


def expect_all_right(counted: Count, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what was counted; fail unless every key ended right, once, and no lane was held beyond its lease."""
    with capsys.disabled():
        print(f"\n{counted}", end="", flush=True)  # noqa: T201 - what a drill is for
    tally.add(lost=len(counted.wrong), applied_twice=len(counted.moved_more_than_once))
    assert counted.wrong == {}
    assert counted.moved_more_than_once == []
    assert counted.longest_hold <= LEASE_SECONDS + 5


def slow_stripe(ground: Ground, seconds: float = 1.0) -> None:
    """Let every answer take its time, so that trouble finds checks half done."""
    ground.stripe.add_fault("slow", seconds=seconds, times=None)


def drill_worker_killed_in_the_middle_of_checks(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    slow_stripe(ground)
    keys = ground.paste_keys(KEYS)

    def kill_both_workers() -> None:
        for _ in range(2):
            ground.wait_for_claims()
            ground.stack.kill("worker", signal.SIGKILL)
            ground.close()
            ground.start_another_worker()
            ground.stack.wait_until_ready("worker")
        ground.stripe.clear_faults()

    expect_all_right(
        ground.count("worker kill -9 in the middle of checks, twice", keys, kill_both_workers), capsys
    )


def drill_worker_frozen_beyond_the_patience_of_others(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    slow_stripe(ground)
    keys = ground.paste_keys(KEYS)
    pid = ground.stack.pid("worker")
    ground.wait_for_claims(by=pid)
    thaw = ground.freeze(pid)
    ground.stripe.clear_faults()
    try:
        counted = ground.count("worker frozen; another takes over", keys, lambda: None)
    finally:
        thaw()
    expect_all_right(counted, capsys)

    log = ground.stack.log_of("worker")
    eventually(lambda: "was lost to another worker" in log.read_text(), timeout=30)
    after = ground.count("the frozen worker goes on, and writes nothing", keys, lambda: None)
    expect_all_right(after, capsys)


def drill_redis_flushed_and_killed(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    slow_stripe(ground, 0.5)
    keys = ground.paste_keys(KEYS)

    def lose_every_bell() -> None:
        ground.wait_for_claims()
        with redis.Redis.from_url(ground.stack.servers.redis_url) as client:
            client.flushall()
        ground.stack.kill("redis", signal.SIGKILL)
        eventually(lambda: not ground.stack.pid("redis"))
        ground.stack.start_process("redis")
        with redis.Redis.from_url(ground.stack.servers.redis_url) as client:
            client.flushall()
        ground.stripe.clear_faults()

    expect_all_right(ground.count("Redis flushed, killed, and empty again", keys, lose_every_bell), capsys)


def drill_postgresql_restarted(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    slow_stripe(ground, 0.5)
    keys = ground.paste_keys(KEYS)

    def restart() -> None:
        ground.wait_for_claims()
        ground.stack.kill("postgres", signal.SIGKILL)
        eventually(lambda: not ground.stack.pid("postgres"))
        ground.stack.start_process("postgres")
        ground.stripe.clear_faults()

    expect_all_right(ground.count("PostgreSQL killed and started again", keys, restart), capsys)


def drill_stripe_hangs(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.stripe.add_fault("hang", seconds=15, times=None)
    keys = ground.paste_keys(KEYS)

    def wait_for_the_outage() -> None:
        eventually(
            lambda: ground.rows(
                "SELECT 1 FROM stripe_keys_stripeincident WHERE kind = 'outage' AND ended_at IS NULL"
            ),
            timeout=120,  # what the checks of the drills before found has to leave the window first
        )
        ground.stripe.clear_faults()

    counted = ground.count("Stripe hangs for everybody, then answers", keys, wait_for_the_outage)

    expect_all_right(counted, capsys)
    assert not ground.rows("SELECT 1 FROM stripe_keys_stripeincident WHERE ended_at IS NULL")


def drill_stripe_refuses_every_key(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {key: about for key, about in ground.paste_keys(KEYS).items() if about["fate"] != "rejected"}
    calm = Count("before", {key: about["fate"] for key, about in keys.items()})
    ground.wait_until_settled(calm)
    ground.stripe.add_fault("unauthorized", times=None)
    ground.check_all_now(keys)

    def wait_for_the_brake() -> None:
        held = "SELECT count(*) FROM stripe_keys_validation WHERE verdict = 'held'"
        eventually(lambda: ground.rows(held)[0][0] >= 10, timeout=90)
        ground.stripe.clear_faults()

    counted = ground.count("Stripe answers 401 to every key, then recovers", keys, wait_for_the_brake)

    expect_all_right(counted, capsys)
    assert any("refuses many keys" in mail["subject"] for mail in ground.stack.mails())
    brake = "SELECT 1 FROM stripe_keys_stripeincident WHERE kind = 'refusals' AND ended_at IS NULL"
    eventually(lambda: not ground.rows(brake), timeout=150)


def drill_three_heartbeats_at_once(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {key: about for key, about in ground.paste_keys(KEYS).items() if about["fate"] != "rejected"}
    ground.wait_until_settled(Count("before", {key: about["fate"] for key, about in keys.items()}))
    third = ground.start_another_worker()
    ground.check_all_now(keys)
    thaw = ground.freeze(third.pid)
    try:
        ground.stack.kill("worker", signal.SIGKILL)
        planned = (
            "SELECT count(*), count(DISTINCT key_id) FROM stripe_keys_validation"
            " WHERE reason = 'periodic' AND key_id = ANY(%s::uuid[])"
        )
        eventually(lambda: ground.rows(planned, list(keys))[0][1] == len(keys), timeout=90)
        counted = ground.count("three heartbeats, one killed, one frozen", keys, lambda: None)
    finally:
        thaw()
    [(checks, checked)] = ground.rows(planned, list(keys))

    expect_all_right(counted, capsys)
    assert (checks, checked) == (len(keys), len(keys)), "each key was planned once"
