"""Bells that nobody hears: the broker dead, frozen, emptied, behind a network that forgets. Work goes on without."""

import signal
import time

from tests.drills.conftest import Judge
from tests.drills.found import Found
from tests.drills.inbox_ground import Inbox, Merchant
from tests.drills.proxy import Proxy
from tests.drills.sender import Sending
from tests.waiting import eventually

DEAD_SECONDS = 15.0  # the plan says 60: what a process does without a broker repeats every five
FROZEN_SECONDS = 10.0
ANSWERS_WITHIN = 1.0
RESUMES_WITHIN = 20.0
PER_SECOND = 20.0


def load(inbox: Inbox, merchants: list[Merchant], seconds: float) -> Sending:
    """Ordinary events, at an even pace, for so long."""
    letters = inbox.publish(inbox.ordinary(merchants, int(seconds * PER_SECOND)))
    return inbox.sender.send(letters, per_second=PER_SECOND)


def expect_quick_answers(found: Found) -> None:
    """The door has not noticed."""
    assert found.sending.statuses == {200}
    assert found.unanswered == 0
    assert found.slowest <= ANSWERS_WITHIN


def drill_broker_dead_at_the_start(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    inbox.stack.kill("redis", signal.SIGKILL)
    eventually(lambda: not inbox.stack.pid("redis"))
    for name in ("worker", "web"):
        inbox.stack.kill(name, signal.SIGKILL)  # both begin without a broker
    inbox.stack.wait_until_ready("web")
    inbox.sender.send(inbox.publish(inbox.ordinary(merchants, 60))).wait(
        60
    )  # each web worker has met a first one

    sending = load(inbox, merchants, DEAD_SECONDS)
    sending.wait(DEAD_SECONDS * 2)
    inbox.stack.start_process("redis")
    returned_at = time.time()
    found = inbox.count(f"broker dead at the start and for {DEAD_SECONDS:.0f} s (F2, R3)", sending)

    judge(found)
    expect_quick_answers(found)
    backlog = inbox.audit.last_end([letter.event_id for letter in sending.letters]) - returned_at
    judge.say(f"drill: after the broker's return the backlog was gone within {max(backlog, 0):.1f} s")
    assert backlog <= 30


def drill_broker_frozen(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    sending = load(inbox, merchants, FROZEN_SECONDS + 6)
    time.sleep(2)

    with inbox.frozen("redis"):
        time.sleep(FROZEN_SECONDS)
    thawed_at = time.time()
    found = inbox.count(f"broker frozen for {FROZEN_SECONDS:.0f} s (F3, R3)", sending)

    judge(found)
    expect_quick_answers(found)
    assert max(row.waited for row in found.rows.values()) <= RESUMES_WITHIN
    last = inbox.audit.last_end([letter.event_id for letter in sending.letters])
    assert last - max(thawed_at, *(each.ended_at for each in sending.attempts)) <= RESUMES_WITHIN


def drill_broker_loses_its_memory(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    sending = load(inbox, merchants, 6)

    time.sleep(1)
    inbox.flush()
    time.sleep(1)
    inbox.crash("redis")
    inbox.flush()  # what it had written down is gone too
    found = inbox.count("broker flushed, killed, and empty again (F4)", sending)

    judge(found)
    expect_quick_answers(found)
    assert max(row.waited for row in found.rows.values()) <= RESUMES_WITHIN


def drill_network_between_worker_and_broker(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    inbox.stack.stop_process("worker")
    with Proxy(inbox.stack.servers.redis_url) as network:
        inbox.crew.worker(keep=True, REDIS_URL=network.url)
        inbox.stripe.add_fault(
            "slow", path="/v2/core/events", seconds=0.5, times=None
        )  # some are in hand meanwhile
        sending = load(inbox, merchants, 22)
        time.sleep(1)
        network.become("drop")  # half-open: nobody is told
        time.sleep(8)
        network.become("pass")
        time.sleep(3)
        for _ in range(5):
            network.reset()
            time.sleep(0.5)
        network.become("refuse")
        network.reset()
        time.sleep(5)
        network.become("pass")
        found = inbox.count("half-open, reset and refused connections to the broker (F5)", sending)
        inbox.crew.dismiss()

    judge(found)
    expect_quick_answers(found)
    longest = max(row.waited for row in found.rows.values())
    judge.say(f"drill: longest wait of an event behind that network {longest:.1f} s")
    assert longest <= RESUMES_WITHIN
