"""Workers that freeze, go deaf, die of what they eat, or are kept busy by one merchant."""

import signal
import time

from tests.drills.conftest import Judge
from tests.drills.inbox_ground import Inbox, Merchant
from tests.drills.sender import Letter
from tests.people import some_letters
from tests.simulator import Json
from tests.waiting import eventually

DEAF_WITHIN = 20.0
FAIR_WITHIN = 2.0
POISON, BROKEN = "v2.drill.poison", "v2.drill.broken"
_WAITING_ROWS = """
    INSERT INTO webhooks_eventnotification (event_id, type, payload, livemode, stripe_account_id, context, secret_name,
        body, body_sha256, lane, priority, state, attempts, fence, claimed_by, problem, other_bodies,
        stripe_key_id, new_stripe_key_id, outcome, outcome_note)
    SELECT %s || n, 'v2.drill.unknown', 'thin', true, %s, '', 'thin',
        '{}', ''::bytea, %s, 50, 'waiting', 0, 0, '', '', 0, '', '', '', ''
    FROM generate_series(1, %s) n"""
_IN_HAND = "SELECT count(*) FROM webhooks_eventnotification WHERE state = 'claimed' AND claimed_by LIKE %s"


def about(merchant: Merchant, kind: str) -> Json:
    """An event of a drill's own kind."""
    return {"type": kind, "account": merchant.account, "livemode": True}


def states(inbox: Inbox, letters: list[Letter]) -> set[str]:
    """Where these events stand."""
    return {row.state for row in inbox.audit.events([letter.event_id for letter in letters]).values()}


def drill_worker_frozen_with_events_in_its_hands(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(20)
    inbox.stack.stop_process("worker")
    first = inbox.crew.worker()
    inbox.stripe.add_fault("slow", path="/v2/core/events", seconds=4, times=None)
    sending = inbox.sender.send(inbox.publish([inbox.thin(each, "rotated") for each in merchants]))
    eventually(lambda: inbox.audit.rows(_IN_HAND, f"%:{first.pid}") >= [(10,)], timeout=30)

    inbox.freeze(first.pid)
    inbox.stripe.clear_faults()
    inbox.crew.worker()
    found = inbox.count("a worker frozen with events in hand; another takes over (F7)", sending)
    judge(found)

    inbox.thaw(first.pid)
    eventually(lambda: first.said("was lost to another worker"), timeout=40)
    again = inbox.count(
        "the frozen worker goes on, and writes nothing (F7, R6)", sending, merchants=merchants
    )
    judge(again)
    assert {row.ends for row in again.rows.values()} == {1}
    told = inbox.audit.notices(kind="rotated")
    assert [told[merchant.key] for merchant in merchants] == [1] * len(merchants)


def drill_deaf_worker_ends_itself(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(5)
    inbox.stack.stop_process("worker")
    deaf = inbox.crew.worker("tests.drills.deaf_worker", "-Q", "nobody")
    letters = inbox.publish(inbox.ordinary(merchants, 20))
    sending = inbox.sender.send(letters)
    sending.wait(20)
    began = time.monotonic()

    eventually(lambda: deaf.process.poll() is not None, timeout=60)
    seconds = time.monotonic() - began
    inbox.stack.start_process("worker")
    found = inbox.count("a worker alive and deaf, restarted by its own watch (F8, R7)", sending)

    judge(found)
    judge.say(f"drill: the deaf worker ended itself after {seconds:.1f} s, with {deaf.process.returncode}")
    assert deaf.process.returncode == 70
    assert seconds <= DEAF_WITHIN


def drill_poison_event(inbox: Inbox, judge: Judge) -> None:
    sick, *others = inbox.merchants(10)
    inbox.stack.stop_process("worker")
    worker = inbox.crew.worker("tests.drills.poisoned_worker", keep=True)
    poison = inbox.publish([about(sick, POISON)])
    behind = inbox.publish(inbox.ordinary([sick], 5))
    elsewhere = inbox.publish(inbox.ordinary(others, 200))

    inbox.sender.send(poison).wait(20)
    sending = inbox.sender.send(elsewhere + behind, per_second=20)
    eventually(lambda: states(inbox, poison) == {"dead"}, timeout=120)
    found = inbox.count("a poison event that kills its worker (F14)", sending)

    judge(found)
    judge.say(
        f"drill: the poison killed {len(worker.ended_with)} workers, then lay dead; others waited for none"
    )
    assert set(worker.ended_with) == {139}
    assert len(worker.ended_with) <= 6

    inbox.crew.dismiss()
    inbox.stack.start_process("worker")
    inbox.stack.manage("replay_events", "--type", POISON, "--since", "2010-01-02T00:00:00Z", "--yes")
    eventually(lambda: states(inbox, poison) == {"done"}, timeout=30)


def drill_dead_letters_replayed(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(20)
    inbox.stack.stop_process("worker")
    inbox.crew.worker("tests.drills.poisoned_worker")
    letters = inbox.publish([about(merchants[number % 20], BROKEN) for number in range(500)])
    sending = inbox.sender.send(letters)
    sending.wait(60)
    eventually(lambda: states(inbox, letters) == {"dead"}, timeout=60)

    inbox.crew.dismiss()
    inbox.stack.start_process("worker")
    inbox.stack.manage("replay_events", "--type", BROKEN, "--since", "2010-01-02T00:00:00Z", "--yes")
    found = inbox.count("500 dead letters, mended and replayed (F15)", sending)

    judge(found)
    assert {row.ends for row in found.rows.values()} == {1}


def drill_one_merchant_with_10000_events(inbox: Inbox, judge: Judge) -> None:
    busy, *others = inbox.merchants(11)
    name = f"evt_{some_letters(12)}"
    inbox.audit.rows(_WAITING_ROWS, name, busy.account, busy.account, 10_000)
    eventually(lambda: inbox.audit.rows(_IN_HAND, "%") > [(0,)], timeout=20)

    sending = inbox.sender.send(inbox.publish(inbox.ordinary(others, len(others))))
    sending.wait(20)
    ids = [letter.event_id for letter in sending.letters]
    eventually(lambda: {row.state for row in inbox.audit.events(ids).values()} == {"done"}, timeout=60)
    waited = sorted(row.waited for row in inbox.audit.events(ids).values())
    behind = inbox.audit.rows("SELECT count(*) FROM webhooks_eventnotification WHERE state = 'waiting'")[0][0]
    inbox.audit.rows(
        "DELETE FROM webhooks_eventnotification WHERE event_id LIKE %s AND state = 'waiting'", f"{name}%"
    )

    judge(inbox.count("ten merchants beside one with 10,000 events (F23, R5)", sending))
    judge.say(f"drill: they waited for {waited[-1]:.2f} s at most, while {behind} of the one still waited")
    assert waited[-1] <= FAIR_WITHIN
    assert behind > 0


def drill_calm(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(20)

    sending = inbox.sender.send(inbox.publish(inbox.ordinary(merchants, 300)), per_second=30)
    found = inbox.count("a calm day (R4)", sending)

    judge(found)
    waited = sorted(row.waited for row in found.rows.values())
    p95, p99 = waited[len(waited) * 95 // 100], waited[len(waited) * 99 // 100]
    judge.say(f"drill: from receipt to its end p95 {p95:.2f} s, p99 {p99:.2f} s")
    assert p95 <= 1.0
    assert p99 <= 3.0


def drill_workers_killed_one_after_the_other(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    inbox.stack.stop_process("worker")
    worker = inbox.crew.worker(keep=True)
    sending = inbox.sender.send(inbox.publish(inbox.mixed(merchants, 400)), per_second=40)

    for _ in range(3):
        eventually(lambda: inbox.audit.rows(_IN_HAND, f"%:{worker.pid}") >= [(1,)], timeout=30)
        worker.signal(signal.SIGKILL)
        before = worker.log.stat().st_size
        eventually(lambda before=before: worker.said(" ready.", after=before), timeout=30)  # type: ignore[misc]
    found = inbox.count(
        "the only worker kill -9 with events in hand, three times (F6)", sending, merchants=merchants
    )

    judge(found)
